"""Processes of this machine: told apart by pid and start, started apart, ended for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["end_process", "is_alive", "start_detached", "start_time"]

POLL_SECONDS = 0.05


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def is_alive(pid: int, started: int) -> bool:
    """Say whether that very process is running, not a later one of the same pid."""
    return start_time(pid) == started


def start_detached(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output in a log file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
        )


def end_process(pid: int, started: int, patience: float = 5.0) -> None:
    """End a process: SIGTERM, and SIGKILL when it takes too long.

    :param patience: seconds for each.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _signalled(pid, started, number):
            return
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not is_alive(pid, started):
                return
            time.sleep(POLL_SECONDS)


def _signalled(pid: int, started: int, number: signal.Signals) -> bool:
    if not is_alive(pid, started):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True

"""Processes of this machine: told apart by pid and start, started apart, ended for certain."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["end_process", "has_ended", "is_alive", "start_detached", "start_time"]

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


def start_detached(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
    """Start a process in a session of its own, its output in a log file; it outlives this one.

    :param command: its first word is the program's absolute path.
    :return: its pid.
    """
    output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        output,
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], list(command), environment, file_actions=actions, setsid=True)


def has_ended(pid: int) -> bool:
    """Say whether a process has ended, be it a child of this one or not."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return start_time(pid) is None


def end_process(pid: int, started: int, patience: float = 5.0) -> None:
    """End a process: SIGTERM, and SIGKILL when it takes too long.

    :param patience: seconds for each.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _signalled(pid, started, number):
            return
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if has_ended(pid) or not is_alive(pid, started):
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

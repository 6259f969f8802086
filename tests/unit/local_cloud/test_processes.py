"""A process is told by pid and start, and ended for certain."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from airflow_provider_hads.local_cloud.processes import (
    end_process,
    has_ended,
    is_alive,
    start_detached,
    start_time,
)

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def started(command: list[str], log: Path) -> int:
    """Start a process and wait for its first output."""
    pid = start_detached(command, log, os.environ)
    end = time.monotonic() + 20
    while not log.read_text() and time.monotonic() < end:
        time.sleep(0.02)
    return pid


def test_this_process_is_alive_and_not_another_of_its_pid() -> None:
    own = start_time(os.getpid())

    assert own is not None
    assert is_alive(os.getpid(), own)
    assert not is_alive(os.getpid(), own - 1)


def test_a_detached_process_has_a_session_of_its_own_and_logs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = started([sys.executable, "-c", "print('hello', flush=True); input()"], log)

    assert log.read_text().startswith("hello")
    assert has_ended(pid) or os.getsid(pid) == pid
    end_process(pid, start_time(pid) or 0)


def test_a_process_that_ignores_sigterm_ends_all_the_same(tmp_path: Path) -> None:
    pid = started([sys.executable, "-c", STUBBORN], tmp_path / "log")

    end_process(pid, start_time(pid) or 0, patience=0.2)

    assert has_ended(pid)


def test_a_later_process_of_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    pid = started([sys.executable, "-c", STUBBORN], tmp_path / "log")
    own = start_time(pid) or 0

    end_process(pid, own - 1)

    assert is_alive(pid, own)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

"""The runner's folder: its files, what they are called, and how they are written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "RunnerError",
    "Store",
    "boot_id",
    "booted_at",
    "is_safe_name",
    "locked",
    "read_json",
    "started_at",
    "write_atomic",
]

_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")


class RunnerError(Exception):
    """What the user or the controller is told in one line.

    :param exit_code: of the runner, where the error ends it.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def is_safe_name(name: str) -> bool:
    """Say whether a name can be a path segment; the same rule as the model's."""
    return _SAFE_NAME.fullmatch(name) is not None


def write_atomic(path: Path, text: str, durable: bool = True) -> None:
    """Replace a file at once: a reader sees the old content or the new one.

    :param durable: after a crash of the machine too.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with aside.open("w") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return a file's JSON object, or an empty one where there is none."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def boot_id(proc: Path) -> str:
    """Return what changes with every boot, of a machine or of a container that plays one.

    :param proc: ``/proc``.
    """
    kernel = (proc / "sys/kernel/random/boot_id").read_text().strip()
    start_of_first_process = (proc / "1/stat").read_text().rsplit(")", 1)[1].split()[19]
    return f"{kernel}.{start_of_first_process}"


def booted_at(proc: Path) -> float:
    """Return when the machine, or the container that plays one, was booted, Unix seconds.

    :param proc: ``/proc``.
    """
    return started_at(proc, "1")


def started_at(proc: Path, process: str = "self") -> float:
    """Return when a process was started, Unix seconds.

    :param proc: ``/proc``.
    :param process: its pid; the default is the process that asks.
    """
    lines = (proc / "stat").read_text().splitlines()
    boot = next(float(line.split()[1]) for line in lines if line.startswith("btime "))
    ticks = float((proc / process / "stat").read_text().rsplit(")", 1)[1].split()[19])
    return boot + ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def locked(path: Path, seconds: float = 0.0) -> Iterator[bool]:
    """Hold a lock file; yield False where it can't be had in that many seconds."""
    with path.open("a") as file:
        until = time.monotonic() + seconds
        mine = _lock(file.fileno())
        while not mine and time.monotonic() < until:
            time.sleep(0.02)
            mine = _lock(file.fileno())
        yield mine


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Store:
    """The runner's folder.

    ``queue/``, ``taken/`` and ``stolen/`` hold orders, ``cancel/`` one empty file for each dropped attempt,
    ``attempts/<id>/`` an attempt's ``work/``, ``container.log`` and, once it has ended, ``result.json``;
    ``files/`` keeps staged files by digest.
    """

    FOLDERS = ("incoming", "queue", "taken", "stolen", "cancel", "attempts", "files")

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in self.FOLDERS:
            (root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)

    def config(self) -> dict[str, Any]:
        """Return runner.json, empty while the VM is not prepared."""
        return read_json(self.root / "runner.json")

    def attempt(self, attempt_id: str) -> Path:
        """Return an attempt's folder, made where it is missing."""
        folder = self.root / "attempts" / attempt_id
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def result(self, attempt_id: str) -> Path:
        """Return the file that says how an attempt ended; it is there once it has."""
        return self.root / "attempts" / attempt_id / "result.json"

    def cancelled(self, attempt_id: str) -> bool:
        """Say whether the controller has dropped the attempt."""
        return (self.root / "cancel" / attempt_id).exists()

    def epoch(self) -> int:
        """Return the highest epoch heard, 0 before the first."""
        path = self.root / "epoch"
        return int(path.read_text()) if path.exists() else 0

"""Long-running processes of the tests, each ended with all that it has started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def session_members(session: int) -> Iterator[int]:
    """Yield the pids of a session's processes, its leader included."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session:
                    yield int(entry.name)


def process_titled(title: str, session: int) -> int:
    """Return the pid of a session's process that calls itself so.

    :param title: the whole of it; a part could be another's as well.
    :raises ProcessLookupError: there is none.
    """
    for pid in session_members(session):
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_text(errors="replace").rstrip("\0 ") == title:
                return pid
    raise ProcessLookupError(f"session {session} has no process {title!r}")


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


class Daemon:
    """One process that runs until it is stopped.

    :param name: for messages and for its log file.
    :param command: program and arguments.
    :param environment: the whole environment.
    :param folder: where its log goes, ``<name>.log``.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The leader's pid, which is the session's id as well."""
        return self._process.pid

    def require_alive(self) -> None:
        """Raise what the process said last if it has ended by itself."""
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} ended with exit code {self._process.returncode}:\n{tail}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the whole session stand still for a while."""
        self._send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._send(signal.SIGCONT)

    def kill(self) -> None:
        """End the whole session at once, as a machine's failure would."""
        self._send(signal.SIGKILL)
        self._process.wait(timeout=10)

    def _send(self, number: signal.Signals) -> None:
        for pid in session_members(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

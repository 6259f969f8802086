"""A real sshd on a loopback port, as the VM that is connected to."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
ListenAddress 127.0.0.2
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv PATH={folder}/bin:{path}
"""


def make_key(path: Path) -> str:
    """Make a key pair and return the public half."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, timeout=30)
    return path.with_suffix(".pub").read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class SshServer:
    """One sshd, whose ``sudo`` does nothing but run the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.user = getpass.getuser()
        self.host_key = make_key(folder / "host_key")
        make_key(folder / "client_key")
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "bin").mkdir()
        sudo = folder / "bin" / "sudo"
        sudo.write_text('#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n')
        sudo.chmod(0o755)

    @property
    def client_key(self) -> str:
        return (self.folder / "client_key").read_text()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own demand
        path = os.environ["PATH"]
        text = CONFIGURATION.format(port=self.port, folder=self.folder, path=path)
        (self.folder / "config").write_text(text)
        sshd = shutil.which("sshd", path=f"{path}:/usr/sbin")
        assert sshd, "openssh-server is not installed"
        with (self.folder / "log").open("ab") as log:
            command = [sshd, "-D", "-e", "-f", str(self.folder / "config")]
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)

    def wait(self) -> None:
        until = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < until, self.log
                time.sleep(0.05)

    def freeze(self) -> None:
        """Stop it and all that it has started, as a hibernation would."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def end_sessions(self) -> None:
        assert self.process
        for process in descendants(self.process.pid):
            _kill(process, signal.SIGKILL)

    def stop(self) -> None:
        if self.process:
            self.resume()
            self.end_sessions()
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self.process
        for process in [self.process.pid, *descendants(self.process.pid)]:
            _kill(process, number)


def _kill(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(process, number)


def descendants(ancestor: int) -> list[int]:
    """Return the processes that a process has started, theirs included."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found = [ancestor]
    for process in found:  # it grows meanwhile
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def processes_of(word: str) -> list[int]:
    """Return the processes that have a word on their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found

"""Commands on a VM over its connection: run to their end, or going on and answering line by line."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from paramiko import Channel, Transport

__all__ = ["CommandResult", "Dialogue", "run_command", "ssh_errors"]

_OUTPUT_LIMIT = 64 * 2**20  # bytes
_ERROR_LIMIT = 2**16  # bytes
_BLOCK = 2**16


@dataclass(frozen=True)
class CommandResult:
    """How a command on a VM ended, or what one that goes on has answered (with the exit code 0)."""

    exit_code: int
    stdout: bytes
    stderr: str


class Dialogue:
    """One running command. To start one costs a VM far more than an answer: a shell, sudo, Python, imports.

    :param transport: a connection to the VM; who closes it ends every wait here.
    :param command: reads lines, and writes one for each.
    """

    def __init__(self, transport: Transport, command: str) -> None:
        self.transport = transport
        self.command = command
        self._channel = transport.open_session()
        self._channel.exec_command(command)

    @property
    def goes_on(self) -> bool:
        """Whether the command runs, as far as is known."""
        return not (self._channel.closed or self._channel.exit_status_ready())

    def ask(self, line: bytes) -> CommandResult | None:
        """Hand the command a line and return its answer.

        :param line: without its end.
        :return: the answer, or how the command has failed instead; None where it has ended without a word,
            as one does that nobody has asked anything for long.
        """
        with suppress(*ssh_errors()):  # where it has ended, its exit code tells
            self._channel.sendall(line + b"\n")
        answer = bytearray()
        while not answer.endswith(b"\n"):
            block = self._channel.recv(_BLOCK)
            if not block:
                return self._end(bytes(answer))
            answer += block
            if len(answer) > _OUTPUT_LIMIT:
                raise OSError(f"a command has written more than {_OUTPUT_LIMIT} bytes")
        return CommandResult(0, bytes(answer[:-1]), "")

    def _end(self, answer: bytes) -> CommandResult | None:
        if not self.transport.is_active():
            raise OSError("the connection broke before the answer")
        stderr = _read(self._channel, self._channel.recv_stderr, _ERROR_LIMIT)
        exit_code = self._channel.recv_exit_status()
        self._channel.close()
        if exit_code <= 0:  # negative: ended by a signal
            return None
        return CommandResult(exit_code, answer, _text(stderr))


def run_command(transport: Transport, command: str, stdin: bytes) -> CommandResult:
    """Run a command to its end.

    :param stdin: its standard input.
    """
    channel = transport.open_session()
    try:
        channel.exec_command(command)
        threading.Thread(target=_send, args=(channel, stdin), daemon=True).start()
        stdout = _read(channel, channel.recv, _OUTPUT_LIMIT)
        stderr = _read(channel, channel.recv_stderr, _ERROR_LIMIT)
        exit_code = channel.recv_exit_status()
    finally:
        channel.close()
    if exit_code < 0:
        raise OSError("the connection broke before the command's end")
    return CommandResult(exit_code, stdout, _text(stderr))


def ssh_errors() -> tuple[type[BaseException], ...]:
    """Return all that a broken connection may raise."""
    from paramiko import SSHException

    return (SSHException, OSError, EOFError)


def _send(channel: Channel, stdin: bytes) -> None:
    with suppress(*ssh_errors()):  # the command may end without reading; its exit code tells
        channel.sendall(stdin)
        channel.shutdown_write()


def _read(channel: Channel, receive: Callable[[int], bytes], limit: int) -> bytes:
    content = bytearray()
    while block := receive(_BLOCK):
        content += block
        if len(content) > limit:
            raise OSError(f"a command has written more than {limit} bytes")
    return bytes(content)


def _text(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace").strip()

"""One kept SSH connection to a VM: every wait ends, the host is the one that was launched."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import HadsError, VmError, VmUnreachable
from airflow_provider_hads.vm.dialogue import CommandResult, Dialogue, run_command, ssh_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from paramiko import SSHClient, Transport

    from airflow_provider_hads.model.settings import Settings

__all__ = ["SshAccess", "VmConnection"]


@dataclass(frozen=True)
class SshAccess:
    """How to log in to a run's VMs.

    :param ssh_conn_id: Airflow connection with the private key; None where a key file is given.
    :param key_file: path of a private key file, instead of the connection's key.
    :param timeout: seconds for each step of connecting.
    :param tries: of one connection.
    :param pause: seconds between two tries, on average.
    """

    ssh_conn_id: str | None
    user: str
    key_file: str | None = None
    port: int = 22
    timeout: float = 10.0
    tries: int = 3
    pause: float = 3.0

    @classmethod
    def from_settings(cls, settings: Settings, ssh_conn_id: str) -> SshAccess:
        """Return what ``setup.cfg`` says about SSH.

        :param ssh_conn_id: the connection to use where setup.cfg names no key file.
        """
        said = settings.communication
        key_file = os.path.join(said.key_path or "", said.key_file) if said.key_file else None
        return cls(
            ssh_conn_id=None if key_file else ssh_conn_id,
            user=settings.ec2.vm_user,
            key_file=os.path.expanduser(key_file) if key_file else None,
            port=said.ssh_port,
            timeout=said.connection_timeout,
            tries=max(1, said.repeat),
            pause=said.retry_interval,
        )


class VmConnection:
    """A connection that is made when it is needed and kept; for one command at a time.

    :param address: where the VM is reached.
    :param host_key: its public key as in ``known_hosts``; nothing else is trusted.
    """

    def __init__(self, access: SshAccess, address: str, host_key: str) -> None:
        self.address = address
        self.host_key = host_key
        self._access = access
        self._client: SSHClient | None = None
        self._dialogue: Dialogue | None = None
        self._lock = threading.Lock()

    def run(self, command: str, stdin: bytes = b"", timeout: float = 30.0) -> CommandResult:
        """Run a command to its end.

        :param stdin: its standard input.
        :param timeout: seconds for all of it, connecting included (which may take one step longer).
        :raises VmUnreachable: no connection, or no end in time.
        :raises HostKeyMismatch: another host has answered.
        """
        return self._within(timeout, lambda transport: run_command(transport, command, stdin))

    def ask(self, command: str, line: bytes, timeout: float = 30.0) -> CommandResult:
        """Hand a line to a command that goes on running, and return its answer: a line as well.

        The command is started when it is asked for the first time, and anew when it has ended.

        :param line: without its end.
        :param timeout: seconds for all of it, connecting included (which may take one step longer).
        :return: the answer, with the exit code 0; or how the command has failed.
        :raises VmUnreachable: no connection, or no answer in time.
        :raises HostKeyMismatch: another host has answered.
        """
        return self._within(timeout, lambda transport: self._ask(transport, command, line))

    def _ask(self, transport: Transport, command: str, line: bytes) -> CommandResult:
        kept = self._dialogue
        if kept is not None and (kept.transport, kept.command) == (transport, command) and kept.goes_on:
            answer = kept.ask(line)
            if answer is not None:
                return answer
        self._dialogue = Dialogue(transport, command)
        answer = self._dialogue.ask(line)
        if answer is None:
            raise OSError("the command has ended without an answer")
        return answer

    def _within(self, timeout: float, speak: Callable[[Transport], CommandResult]) -> CommandResult:
        with self._lock:
            deadline = time.monotonic() + timeout
            transport = self._transport(deadline)
            watch = threading.Timer(max(0.1, deadline - time.monotonic()), transport.close)
            watch.daemon = True
            watch.start()  # paramiko waits for some answers without a limit of its own
            try:
                return speak(transport)
            except ssh_errors() as error:
                self._drop()
                late = time.monotonic() >= deadline
                problem = f"no answer in {timeout:g} s" if late else _text(error)
                raise VmUnreachable(f"{self.address}: {problem}") from error
            finally:
                watch.cancel()

    def connect(self, timeout: float) -> None:
        """Connect in one try, unless there is a connection.

        :param timeout: seconds for each step of it.
        :raises VmUnreachable: it fails.
        :raises HostKeyMismatch: another host has answered.
        """
        with self._lock:
            if self._kept() is None:
                self._connect(time.monotonic() + timeout)

    def close(self) -> None:
        """End the connection, and the command that may be under way; the next one makes a new connection."""
        client = self._client  # without the lock, which a command that hangs does not give back
        transport = client.get_transport() if client is not None else None
        if transport is not None:
            transport.close()
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        self._dialogue = None
        if self._client is not None:
            with suppress(Exception):  # of a connection that is of no use any more
                self._client.close()
            self._client = None

    def _kept(self) -> Transport | None:
        transport = self._client.get_transport() if self._client else None
        if transport is not None and transport.is_active():
            return transport
        self._drop()
        return None

    def _transport(self, deadline: float) -> Transport:
        """Return the transport that there is, or a new one, made in several tries."""
        kept = self._kept()
        if kept is not None:
            return kept
        for left in range(self._access.tries - 1, -1, -1):
            try:
                return self._connect(deadline)
            except VmUnreachable:
                pause = self._access.pause * random.uniform(0.5, 1.5)  # not all at once after an outage
                if not left or time.monotonic() + pause >= deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("a connection has at least one try")

    def _connect(self, deadline: float) -> Transport:
        from airflow_provider_hads.vm.pinned_hook import PinnedSSHHook

        access = self._access
        step = max(1.0, min(access.timeout, deadline - time.monotonic()))
        try:
            hook = PinnedSSHHook(
                pinned_host_key=self.host_key,
                timeout=step,
                ssh_conn_id=access.ssh_conn_id,
                remote_host=self.address,
                username=access.user,
                key_file=access.key_file,
                port=access.port,
            )
        except HadsError:
            raise
        except Exception as error:  # the hook's own complaints about the connection are of many kinds
            raise VmError(f"SSH connection {access.ssh_conn_id or access.key_file!r}: {error}") from error
        try:
            self._client = hook.get_conn()
        except ssh_errors() as error:
            raise VmUnreachable(f"{self.address}: {self._explain(error)}") from error
        transport = self._client.get_transport()
        if transport is None:
            raise VmUnreachable(f"{self.address}: the connection is closed")
        return transport

    def _explain(self, error: BaseException) -> str:
        from paramiko import AuthenticationException

        if isinstance(error, AuthenticationException):
            key = self._access.key_file or f"connection {self._access.ssh_conn_id!r}"
            return f"user {self._access.user!r} with the key of {key} is refused: {_text(error)}"
        return _text(error)


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__

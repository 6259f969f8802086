"""All VMs of a run: prepare one, speak to one."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import CommandFailed, EpochRefused, VmUnreachable
from airflow_provider_hads.vm.bundle import runner_bundle
from airflow_provider_hads.vm.commands import DEFAULT_ROOT, RUNNER_PATH, runner_command, write_file_command
from airflow_provider_hads.vm.connection import SshAccess, VmConnection
from airflow_provider_hads.vm.messages import RunnerConfig, dump_config, dump_exchange, load_status

if TYPE_CHECKING:
    from airflow_provider_hads.model.fleet import Instance
    from airflow_provider_hads.model.runner import Exchange, VmStatus
    from airflow_provider_hads.vm.dialogue import CommandResult

__all__ = ["VmGateway"]

log = logging.getLogger(__name__)

_COMMAND_TIMEOUT = 30.0  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0  # seconds between two looks whether a VM has booted


class VmGateway:
    """Keeps one connection a VM; may be used by several threads, one a VM.

    :param root: the runner's folder on the VMs.
    :param runner_path: where the runner goes on the VMs.
    :param command_timeout: seconds for a command, unless told otherwise.
    """

    def __init__(
        self,
        access: SshAccess,
        *,
        root: str = DEFAULT_ROOT,
        runner_path: str = RUNNER_PATH,
        command_timeout: float = _COMMAND_TIMEOUT,
    ) -> None:
        self._access = access
        self._root = root
        self._runner_path = runner_path
        self._command_timeout = command_timeout
        self._connections: dict[str, VmConnection] = {}
        self._lock = threading.Lock()

    def prepare(self, instance: Instance, config: RunnerConfig, *, timeout: float) -> None:
        """Wait for a VM's SSH, send it the runner and start that; all of it may be done again.

        :param timeout: seconds until SSH must answer.
        :raises VmUnreachable: it does not.
        :raises HostKeyMismatch: another host answers at the VM's address.
        :raises CommandFailed: the VM can't do what it must (no sudo, no Python).
        """
        self._wait_for_ssh(instance, timeout)
        runner, content = runner_bundle(), dump_config(config)
        self._run(instance, write_file_command(self._runner_path, runner, 0o755), runner)
        self._run(instance, write_file_command(f"{self._root}/runner.json", content), content)
        self._run(instance, runner_command("start", self._root, self._runner_path))

    def exchange(self, instance: Instance, message: Exchange, *, timeout: float | None = None) -> VmStatus:
        """Tell a VM what to do, and learn all about it.

        :param timeout: seconds for the whole exchange.
        :raises EpochRefused: a later controller has spoken to the VM.
        :raises VmUnreachable: no answer; what was said may have been done or not, and can be said again.
        """
        command = runner_command("listen", self._root, self._runner_path)
        connection = self._connection(instance)
        answer = connection.ask(command, dump_exchange(message), timeout or self._command_timeout)
        _check(instance, command, answer)
        return load_status(answer.stdout)

    def forget(self, instance_id: str) -> None:
        """Close the connection to a VM that can't answer any more; a command that is under way fails."""
        with self._lock:
            connection = self._connections.pop(instance_id, None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        for instance_id in list(self._connections):
            self.forget(instance_id)

    def _wait_for_ssh(self, instance: Instance, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._connection(instance).connect(deadline - time.monotonic())
            except VmUnreachable as error:
                pause = min(pause * 1.5, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)
                if time.monotonic() + pause >= deadline:
                    problem = f"VM {instance.vm_id} ({instance.instance_id}) does not answer to SSH"
                    raise VmUnreachable(f"{problem} in {timeout:.0f} s: {error}") from error
                log.debug("%s is not up yet: %s", instance.vm_id, error)
            time.sleep(pause)

    def _run(
        self, instance: Instance, command: str, stdin: bytes = b"", timeout: float | None = None
    ) -> CommandResult:
        result = self._connection(instance).run(command, stdin, timeout or self._command_timeout)
        _check(instance, command, result)
        return result

    def _connection(self, instance: Instance) -> VmConnection:
        """Return the VM's connection; a VM that was resumed may have another address."""
        if instance.address is None:
            raise VmUnreachable(f"VM {instance.vm_id} ({instance.instance_id}) has no address")
        with self._lock:
            kept = self._connections.get(instance.instance_id)
            if kept and (kept.address, kept.host_key) == (instance.address, instance.host_key):
                return kept
            fresh = VmConnection(self._access, instance.address, instance.host_key)
            self._connections[instance.instance_id] = fresh
        if kept:
            kept.close()
        return fresh


def _check(instance: Instance, command: str, result: CommandResult) -> None:
    """Raise what a command's exit code says."""
    if result.exit_code == os.EX_TEMPFAIL:
        raise EpochRefused(f"VM {instance.vm_id}: {result.stderr}")
    if result.exit_code:
        said = result.stderr[-500:] or "it said nothing"
        raise CommandFailed(f"VM {instance.vm_id}: {command[:120]}: exit code {result.exit_code}: {said}")

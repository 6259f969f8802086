"""The trigger that waits for a Docker task; those of one VM share one connection to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.runtime.blocks.following import Follower, TaskEnd, withdrawal
from airflow_provider_hads.runtime.blocks.sighting import Sighting, VmReader
from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.triggers.threads import in_thread

__all__ = ["DockerTaskTrigger"]


class DockerTaskTrigger(BaseTrigger):
    """
    Fire when a Docker task has ended, wherever it was moved meanwhile, or is not waited for any longer.

    :param vm: a VM of the run, as :class:`~airflow_provider_hads.runtime.blocks.vm_handle.VmHandle` writes
        it.
    :param docker_task_id: the task's name in the run.
    :param aws_conn_id: connection for EC2 and S3.
    :param ssh_conn_id: connection with the private key for the VMs.
    :param patience: seconds that an attempt may be astray.
    :param until: when to give up, Unix seconds.
    :param poll_interval: seconds between two looks at a VM, however many tasks wait for it.
    """

    def __init__(
        self,
        vm: Mapping[str, Any],
        docker_task_id: str,
        aws_conn_id: str | None,
        ssh_conn_id: str | None,
        patience: float,
        until: float,
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.vm = dict(vm)
        self.docker_task_id = docker_task_id
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id
        self.patience = patience
        self.until = until
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments to make it anew."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "vm": self.vm,
                "docker_task_id": self.docker_task_id,
                "aws_conn_id": self.aws_conn_id,
                "ssh_conn_id": self.ssh_conn_id,
                "patience": self.patience,
                "until": self.until,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the task's end."""
        try:
            end = await self._follow()
        except HadsError as error:
            end = TaskEnd(problem=str(error))
        yield TriggerEvent(end.to_event())

    async def on_kill(self) -> None:
        """Drop the task on its VM, when a user ends the wait for it."""
        toolbox = self._toolbox()
        ticket = await in_thread(lambda: toolbox.tickets.latest(self.docker_task_id))
        if ticket is not None:
            reader = VmReader(toolbox, ticket.vm)
            await in_thread(reader.look, withdrawal(ticket.order.attempt_id))
            self.log.info("Attempt %s is dropped", ticket.order.attempt_id)

    async def _follow(self) -> TaskEnd:
        toolbox = self._toolbox()
        ticket = await in_thread(lambda: toolbox.tickets.latest(self.docker_task_id))
        if ticket is None:
            return TaskEnd(problem=f"task {self.docker_task_id} has no attempt")
        left = self.until - time.time()
        follower = Follower(toolbox.tickets, ticket, patience=self.patience, until=time.monotonic() + left)
        while True:
            end = await self._follow_on_vm(follower)
            if end is not None:
                return end

    async def _follow_on_vm(self, follower: Follower) -> TaskEnd | None:
        """Return the task's end; None when it has left the VM."""
        vm = follower.ticket.vm
        async with _SharedReader.lent(vm, self.aws_conn_id, self.ssh_conn_id) as reader:
            while follower.ticket.vm == vm:
                sighting = await reader.look(self.poll_interval)
                end = await in_thread(follower.judge, sighting, time.monotonic())
                if end is not None:
                    return end
                await asyncio.sleep(self.poll_interval)
        return None

    def _toolbox(self) -> Toolbox:
        return Toolbox.of(VmHandle.from_xcom(self.vm), self.aws_conn_id, self.ssh_conn_id)


class _SharedReader:
    """Looks at a VM at most once an interval, however many triggers ask; closed when the last has gone."""

    _readers: ClassVar[dict[tuple[str, str | None, str | None], _SharedReader]] = {}

    def __init__(self, key: tuple[str, str | None, str | None], vm: VmHandle) -> None:
        self._key = key
        self._toolbox = Toolbox.of(vm, key[1], key[2])
        self._reader = VmReader(self._toolbox, vm)
        self._lock = asyncio.Lock()
        self._users = 0
        self._looked_at = float("-inf")
        self._seen: Sighting | None = None

    @classmethod
    @asynccontextmanager
    async def lent(
        cls, vm: VmHandle, aws_conn_id: str | None, ssh_conn_id: str | None
    ) -> AsyncIterator[_SharedReader]:
        """Lend the VM's reader; the connection is closed when nobody has it any more."""
        key = (vm.instance_id, aws_conn_id, ssh_conn_id)
        reader = cls._readers.setdefault(key, cls(key, vm))
        reader._users += 1
        try:
            yield reader
        finally:
            reader._users -= 1
            if reader._users == 0:
                del cls._readers[key]
                # Not awaited, for this may be a cancellation: a look that is connecting is waited for there.
                asyncio.get_running_loop().run_in_executor(None, reader._toolbox.close)

    async def look(self, interval: float) -> Sighting:
        """Return a sighting of at most ``interval`` seconds ago."""
        async with self._lock:
            if self._seen is None or time.monotonic() - self._looked_at >= interval:
                self._seen = await in_thread(self._reader.look)
                self._looked_at = time.monotonic()
            return self._seen

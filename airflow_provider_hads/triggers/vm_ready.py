"""The trigger that waits for a launched VM's SSH."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.triggers.threads import in_thread

__all__ = ["VmReadyTrigger"]

CONNECT_TIMEOUT = 3.0


class VmReadyTrigger(BaseTrigger):
    """
    Fire when a VM's SSH answers, when the VM has ended, or when the time is over.

    :param vm: the VM, as :class:`~airflow_provider_hads.runtime.blocks.vm_handle.VmHandle` writes it.
    :param aws_conn_id: connection for EC2.
    :param until: when to give up, Unix seconds.
    :param port: SSH's.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        vm: Mapping[str, Any],
        aws_conn_id: str | None,
        until: float,
        port: int = 22,
        poll_interval: float = 3.0,
    ) -> None:
        super().__init__()
        self.vm = dict(vm)
        self.aws_conn_id = aws_conn_id
        self.until = until
        self.port = port
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments to make it anew."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "vm": self.vm,
                "aws_conn_id": self.aws_conn_id,
                "until": self.until,
                "port": self.port,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; the event says what has come of it in a word, ``ready``, ``ended`` or ``late``."""
        handle = VmHandle.from_xcom(self.vm)
        toolbox = Toolbox.of(handle, self.aws_conn_id)
        outcome = "late"
        while time.time() < self.until:
            instance = await in_thread(_find, toolbox, handle)
            if instance is not None and instance.state.ended:
                outcome = "ended"
                break
            if instance is not None and await self._answers(instance):
                outcome = "ready"
                break
            await asyncio.sleep(self.poll_interval)
        yield TriggerEvent({"outcome": outcome})

    async def _answers(self, instance: Instance) -> bool:
        """Say whether an SSH server greets; whether it is the right one is for the connection to find out."""
        if instance.state is not InstanceState.RUNNING or instance.address is None:
            return False
        with suppress(OSError, asyncio.TimeoutError):
            greeting = await asyncio.wait_for(_greeting(instance.address, self.port), CONNECT_TIMEOUT)
            return greeting.startswith(b"SSH-")
        return False


def _find(toolbox: Toolbox, vm: VmHandle) -> Instance | None:
    with suppress(CloudError):  # it may answer at the next look
        return next((one for one in toolbox.fleet.describe() if one.instance_id == vm.instance_id), None)
    return None


async def _greeting(address: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        return await reader.readline()
    finally:
        writer.close()

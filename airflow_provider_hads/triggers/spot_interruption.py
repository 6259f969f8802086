"""The trigger that waits for an interruption of VMs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.runtime.blocks.sensing import InterruptionSense
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.triggers.producer import ENDED_STATES
from airflow_provider_hads.triggers.threads import in_thread

__all__ = ["SpotInterruptionTrigger", "all_ended", "states_of"]

QUEUE_INTERVAL = 1.0
"""Seconds between two looks into the queue; EC2 itself is asked at the poll interval."""


def states_of(dag_id: str, run_id: str, task_ids: Sequence[str]) -> list[str | None]:
    """Return the states of a run's tasks, mapped ones one by one; None before one is scheduled."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=list(task_ids), run_ids=[run_id])
    found: dict[str, str | None] = states.get(run_id, {})
    return list(found.values())


def all_ended(states: Sequence[str | None]) -> bool:
    """Say whether nothing of it goes on any more."""
    return bool(states) and all(state in ENDED_STATES for state in states)


class SpotInterruptionTrigger(BaseTrigger):
    """
    Fire when a VM is interrupted, or when the tasks for whose sake that is watched have ended.

    :param vms: VMs of one run, as :class:`~airflow_provider_hads.runtime.blocks.vm_handle.VmHandle` writes
        them.
    :param kinds: which interruptions count.
    :param aws_conn_id: connection for EC2 and SQS.
    :param events_queue: name or URL of an SQS queue with EventBridge's EC2 events, one that no other sensor
        of these VMs reads; None is none.
    :param dag_id: of the tasks that are watched.
    :param run_id: their run.
    :param while_running: their task ids; with none, it waits for an interruption only.
    :param poll_interval: seconds between two looks at EC2.
    """

    def __init__(
        self,
        vms: Sequence[Mapping[str, Any]],
        kinds: Sequence[str],
        aws_conn_id: str | None,
        events_queue: str | None,
        dag_id: str,
        run_id: str,
        while_running: Sequence[str],
        poll_interval: float = 10.0,
    ) -> None:
        super().__init__()
        self.vms = [dict(vm) for vm in vms]
        self.kinds = list(kinds)
        self.aws_conn_id = aws_conn_id
        self.events_queue = events_queue
        self.dag_id = dag_id
        self.run_id = run_id
        self.while_running = list(while_running)
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments to make it anew."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "vms": self.vms,
                "kinds": self.kinds,
                "aws_conn_id": self.aws_conn_id,
                "events_queue": self.events_queue,
                "dag_id": self.dag_id,
                "run_id": self.run_id,
                "while_running": self.while_running,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; the event is the interruption, or None where there was none."""
        vms = [VmHandle.from_xcom(vm) for vm in self.vms]
        sense = InterruptionSense(vms, self.kinds, self.aws_conn_id, self.events_queue)
        described_at = float("-inf")
        found = None
        while found is None:
            due = time.monotonic() - described_at >= self.poll_interval
            try:
                found = await in_thread(sense.look, describe=due)
            except CloudError as error:
                self.log.warning("The cloud does not tell about the VMs: %s", error)
            if due:
                described_at = time.monotonic()
                if found is None and await self._over():
                    break
            if found is None:
                await asyncio.sleep(QUEUE_INTERVAL if self.events_queue else self.poll_interval)
        yield TriggerEvent({"interruption": None if found is None else found.to_xcom()})

    async def _over(self) -> bool:
        if not self.while_running:
            return False
        return all_ended(await in_thread(states_of, self.dag_id, self.run_id, self.while_running))

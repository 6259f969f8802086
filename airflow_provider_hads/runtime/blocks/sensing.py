"""One look for an interruption of a run's VMs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.runtime.blocks.interruptions import (
    KINDS,
    InterruptionEvent,
    first_interruption,
    told_interruption,
)
from airflow_provider_hads.runtime.blocks.toolbox import Toolbox

if TYPE_CHECKING:
    from airflow_provider_hads.cloud.event_queue import SqsEvents
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["InterruptionSense"]


class InterruptionSense:
    """Looks for interruptions: one describe call for all VMs and, where there is one, their queue.

    The queue is read as that of one reader for each VM: every message about these VMs is deleted, also one
    of a kind that does not count. A second reader of the same VMs needs a queue of its own.

    :param vms: VMs of one run, at least one.
    :param kinds: what counts.
    :param queue: name or URL of an SQS queue with EventBridge's EC2 events.
    :raises InputError: there are no VMs, or of several runs, or there is no such kind.
    """

    def __init__(
        self, vms: Sequence[VmHandle], kinds: Sequence[str], aws_conn_id: str | None, queue: str | None
    ) -> None:
        if len({(vm.run.uid, vm.region) for vm in vms}) != 1:
            raise InputError("task", "vms", f"{len(vms)} VMs: give at least one, all of the same run")
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown or not kinds:
            raise InputError("task", "kinds", f"{unknown}: give some of {', '.join(KINDS)}")
        self._vms = tuple(vms)
        self._kinds = tuple(kinds)
        self._toolbox = Toolbox.of(vms[0], aws_conn_id)
        self._aws_conn_id = aws_conn_id
        self._queue = queue

    @cached_property
    def _events(self) -> SqsEvents:
        from airflow_provider_hads.cloud.event_queue import SqsEvents

        return SqsEvents.connect(self._aws_conn_id, self._queue or "", self._vms[0].region)

    def look(self, *, describe: bool = True) -> InterruptionEvent | None:
        """Look once.

        :param describe: ask EC2 too, not the queue alone.
        :raises CloudError: the cloud does not say.
        """
        if self._queue:
            events = self._events.receive([vm.instance_id for vm in self._vms])
            told = told_interruption(self._vms, events, self._kinds)
            if told is not None:
                return told
        if not describe:
            return None
        return first_interruption(self._vms, self._toolbox.fleet.describe(), self._kinds)

"""One look for an interruption of a run's VMs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.runtime.blocks.interruptions import (
    KINDS,
    InterruptionEvent,
    first_interruption,
    read_message,
)
from airflow_provider_hads.runtime.blocks.toolbox import Toolbox

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["InterruptionSense"]


class InterruptionSense:
    """Looks for interruptions: one describe call for all VMs and, where there is one, their queue.

    :param vms: VMs of one run, at least one.
    :param kinds: what counts.
    :param queue_url: SQS queue with EventBridge's EC2 events.
    :raises InputError: there are no VMs, or of several runs, or there is no such kind.
    """

    def __init__(
        self, vms: Sequence[VmHandle], kinds: Sequence[str], aws_conn_id: str | None, queue_url: str | None
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
        self._queue_url = queue_url

    @cached_property
    def _sqs(self) -> Any:
        from airflow_provider_hads.cloud.clients import sqs_client

        return sqs_client(self._aws_conn_id, self._vms[0].region)

    def look(self, *, describe: bool = True) -> InterruptionEvent | None:
        """Look once.

        :param describe: ask EC2 too, not the queue alone.
        :raises CloudError: the cloud does not say.
        """
        if self._queue_url:
            told = self._told(self._queue_url)
            if told is not None:
                return told
        if not describe:
            return None
        return first_interruption(self._vms, self._toolbox.fleet.describe(), self._kinds)

    def _told(self, queue_url: str) -> InterruptionEvent | None:
        from airflow_provider_hads.cloud.event_queue import find_message

        event: InterruptionEvent | None = find_message(
            self._sqs, queue_url, partial(_read, self._vms, self._kinds)
        )
        return event


def _read(vms: Sequence[VmHandle], kinds: Sequence[str], body: str) -> InterruptionEvent | None:
    event = read_message(vms, body)
    return event if event is not None and event.kind in kinds else None

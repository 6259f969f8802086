"""What an interruption of a VM looks like, from the cloud's description and from EventBridge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from airflow_provider_hads.model.cloud_event import CloudEvent
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["KINDS", "InterruptionEvent", "first_interruption", "told_interruption"]

KINDS = ("hibernated", "stopped", "terminated", "notice")
"""What can happen to a VM; a notice says that one of the others is near."""

_STOPPED = (InstanceState.STOPPING, InstanceState.STOPPED)


@dataclass(frozen=True)
class InterruptionEvent:
    """An interruption of one VM.

    :param kind: one of :data:`KINDS`.
    :param reason: what the cloud says.
    :param source: ``describe`` or ``sqs``.
    """

    kind: str
    vm_id: str
    instance_id: str
    reason: str
    source: str

    def to_xcom(self) -> dict[str, str]:
        """Return a JSON-able form."""
        return asdict(self)


def first_interruption(
    vms: Iterable[VmHandle], fleet: Iterable[Instance], kinds: Iterable[str]
) -> InterruptionEvent | None:
    """Return the first interruption that a description of the fleet shows.

    A VM that the cloud does not list (yet) is not taken for an interrupted one.

    :param kinds: those that count.
    """
    seen = {instance.instance_id: instance for instance in fleet}
    wanted = set(kinds)
    for vm in vms:
        instance = seen.get(vm.instance_id)
        kind = None if instance is None else _kind_of_state(vm, instance.state)
        if instance is not None and kind in wanted:
            reason = instance.state_reason or instance.state.value
            return InterruptionEvent(str(kind), vm.vm_id, vm.instance_id, reason, "describe")
    return None


def _kind_of_state(vm: VmHandle, state: InstanceState) -> str | None:
    if state.ended:
        return "terminated"
    if state in _STOPPED:
        return "hibernated" if vm.hibernation and vm.market is Market.SPOT else "stopped"
    return None


def told_interruption(
    vms: Iterable[VmHandle], events: Iterable[CloudEvent], kinds: Iterable[str]
) -> InterruptionEvent | None:
    """Return the first interruption that EventBridge has told of.

    :param kinds: those that count.
    """
    known = {vm.instance_id: vm for vm in vms}
    wanted = set(kinds)
    for event in events:
        vm = known.get(event.instance_id)
        kind = None if vm is None else _kind_of_event(vm, event)
        if vm is not None and kind in wanted:
            what = event.interruption or event.state
            return InterruptionEvent(str(kind), vm.vm_id, vm.instance_id, what.value if what else "", "sqs")
    return None


def _kind_of_event(vm: VmHandle, event: CloudEvent) -> str | None:
    if event.interruption is not None:
        # EC2 hibernates without any lead: by the time that this is read, it has begun.
        return "hibernated" if event.interruption is InterruptionKind.HIBERNATE else "notice"
    return None if event.state is None else _kind_of_state(vm, event.state)

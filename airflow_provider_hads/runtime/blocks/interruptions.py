"""What an interruption of a VM looks like, from the cloud's description and from EventBridge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["KINDS", "InterruptionEvent", "first_interruption", "read_message"]

KINDS = ("hibernated", "stopped", "terminated", "notice")
"""What can happen to a VM; a notice says that one of the others is near."""

_STOPPED = (InstanceState.STOPPING, InstanceState.STOPPED)
_WARNING = "EC2 Spot Instance Interruption Warning"
_STATE_CHANGE = "EC2 Instance State-change Notification"


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


def read_message(vms: Iterable[VmHandle], body: str) -> InterruptionEvent | None:
    """Return what a message of EventBridge says about one of the VMs; None if it says nothing of that kind.

    :param body: the message's text.
    """
    try:
        message: Any = json.loads(body)
        detail = message["detail"]
        vm = next((vm for vm in vms if vm.instance_id == detail["instance-id"]), None)
        kind, reason = _told(vm, message["detail-type"], detail) if vm is not None else (None, "")
    except (ValueError, TypeError, KeyError):
        return None
    if vm is None or kind is None:
        return None
    return InterruptionEvent(kind, vm.vm_id, vm.instance_id, reason, "sqs")


def _told(vm: VmHandle, detail_type: str, detail: Mapping[str, Any]) -> tuple[str | None, str]:
    if detail_type == _WARNING:
        action = str(detail["instance-action"])
        # EC2 hibernates without any lead: by the time that this is read, it has begun.
        return ("hibernated" if action == "hibernate" else "notice"), f"{detail_type}: {action}"
    if detail_type == _STATE_CHANGE:
        state = InstanceState(detail["state"])
        return _kind_of_state(vm, state), f"{detail_type}: {state.value}"
    return None, ""

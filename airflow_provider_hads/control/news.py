"""What events of the cloud mean for the instances that are known: the same as a description would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind

__all__ = ["SETTLING", "News", "Told", "look_after_events", "news_of"]

SETTLING = timedelta(seconds=5)
"""For how long after an event a description may not know of it: EC2's are consistent in the end only."""

_STOPS = (InterruptionKind.HIBERNATE, InterruptionKind.STOP)
_ASLEEP = (InstanceState.STOPPING, InstanceState.STOPPED)
_GOES_ON = {
    InstanceState.STOPPING: InstanceState.STOPPED,
    InstanceState.PENDING: InstanceState.RUNNING,
}
"""What becomes of a state by itself: a description that tells it is newer than the event, not older."""


@dataclass(frozen=True)
class Told:
    """What the last event of a VM has told.

    :param instance: the VM as the event has left it.
    :param at: when it happened, UTC, in whole seconds.
    """

    instance: Instance
    at: datetime


@dataclass(frozen=True)
class News:
    """What some events have changed.

    :param instances: by VM id, the instances that have changed, as a description would show them.
    :param notices: interruptions that are announced for VMs that still run, and rebalance recommendations.
    :param incomplete: something has happened that only a description tells in full (a resumed VM's address,
        the reason of an end): look now instead of at the next interval.
    :param told: by VM id, the last events of VMs' states, announced hibernations included.
    """

    instances: Mapping[str, Instance]
    notices: tuple[CloudEvent, ...]
    incomplete: bool
    told: Mapping[str, Told] = field(default_factory=dict)


def news_of(events: Iterable[CloudEvent], fleet: Mapping[str, Instance]) -> News:
    """Apply events to the instances that are known.

    :param events: in the order of their time.
    :param fleet: the known instances by VM id; events of others make the news incomplete.
    """
    vm_ids = {instance.instance_id: vm_id for vm_id, instance in fleet.items()}
    changed: dict[str, Instance] = {}
    told: dict[str, Told] = {}
    notices: list[CloudEvent] = []
    incomplete = False
    for event in events:
        vm_id = vm_ids.get(event.instance_id)
        if vm_id is None:
            incomplete = True
            continue
        before = changed.get(vm_id, fleet[vm_id])
        if _is_older(event, before):
            continue
        after = _after(before, event)
        if after != before:
            changed[vm_id] = after
            incomplete = incomplete or _needs_a_look(after)
        if event.state is not None or event.interruption is InterruptionKind.HIBERNATE:
            told[vm_id] = Told(after, event.at)
        if event.kind is not CloudEventKind.STATE and after.state is InstanceState.RUNNING:
            notices.append(event)
    return News(changed, tuple(notices), incomplete, told)


def look_after_events(
    look: Mapping[str, Instance], begun_at: datetime, told: Mapping[str, Told]
) -> dict[str, Instance]:
    """Return what a description shows, without what it undoes of newer events.

    :param look: the described instances by VM id.
    :param begun_at: when the description was asked for, UTC.
    :param told: by VM id, the last events.
    """
    return {
        vm_id: told[vm_id].instance if vm_id in told and _undoes(seen, begun_at, told[vm_id]) else seen
        for vm_id, seen in look.items()
    }


def _undoes(seen: Instance, begun_at: datetime, told: Told) -> bool:
    """Say whether an instance is shown as it was before an event. An end is always later than all else."""
    before = told.instance
    if seen.instance_id != before.instance_id or seen.state.ended or begun_at > told.at + SETTLING:
        return False
    return begun_at < told.at or seen.state not in (before.state, _GOES_ON.get(before.state))


def _after(instance: Instance, event: CloudEvent) -> Instance:
    """Return an instance as an event leaves it; one that has ended stays so, whatever comes late."""
    if instance.state.ended and not (event.state is not None and event.state.ended):
        return instance
    if event.kind is CloudEventKind.INTERRUPTION:
        return _interrupted(instance, event)
    if event.state is None or event.state is instance.state:
        return instance
    if event.state in (InstanceState.PENDING, InstanceState.RUNNING):
        came_back = instance.state in _ASLEEP
        address, started_at = (None, event.at) if came_back else (instance.address, instance.started_at)
        running = replace(instance, state=event.state, interruption=None, state_reason="", stopped_at=None)
        return replace(running, address=address, started_at=started_at)
    if event.state.ended:
        address = instance.address if event.state is InstanceState.SHUTTING_DOWN else None
        ended = replace(instance, ended_at=instance.ended_at or event.at, stopped_at=None)
        return replace(ended, state=event.state, address=address)
    return replace(instance, state=event.state, address=None, stopped_at=instance.stopped_at or event.at)


def _is_older(event: CloudEvent, instance: Instance) -> bool:
    """Say whether an event is of before the last start or stop that is known: it comes late, or again.

    Times are whole seconds. Nothing that has just been started sleeps in the same second; what has been put
    to sleep may be started in it.
    """
    if event.state in (InstanceState.PENDING, InstanceState.RUNNING):
        return instance.stopped_at is not None and event.at < instance.stopped_at
    if event.state in _ASLEEP or event.interruption is InterruptionKind.HIBERNATE:
        return instance.started_at is not None and event.at <= instance.started_at
    return False


def _interrupted(instance: Instance, event: CloudEvent) -> Instance:
    """Return an announced instance: a hibernation begins with its notice, the rest happens later."""
    if event.interruption is InterruptionKind.HIBERNATE and instance.state is InstanceState.RUNNING:
        state = InstanceState.STOPPING
        announced = replace(instance, interruption=event.interruption, state_reason="hibernates")
        return replace(announced, state=state, stopped_at=event.at)
    if event.interruption in _STOPS and instance.state in _ASLEEP:
        return replace(instance, interruption=event.interruption)
    return instance


def _needs_a_look(instance: Instance) -> bool:
    back = instance.state is InstanceState.RUNNING and instance.address is None
    asleep_somehow = instance.state in _ASLEEP and instance.interruption is None
    stopped = instance.state is InstanceState.STOPPED and not instance.hibernated
    return back or instance.state.ended or asleep_somehow or stopped

"""From calls that have ended to what the controller's next step sees."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_hads.control import (
    ActionResult,
    CreditBalance,
    Notice,
    NoticeKind,
    Observation,
    Silence,
)
from airflow_provider_hads.exceptions import (
    CallOverdue,
    CapacityError,
    CloudTimeout,
    CommandFailed,
    EpochRefused,
    HadsError,
    HostKeyMismatch,
    QuotaError,
    ThrottledError,
    VmUnreachable,
)
from airflow_provider_hads.model.cloud_event import CloudEvent
from airflow_provider_hads.model.fleet import Instance
from airflow_provider_hads.model.runner import VmStatus
from airflow_provider_hads.runtime.lanes import Ended

__all__ = [
    "CREDITS",
    "DESCRIBE",
    "EVENTS",
    "EXCHANGE",
    "FORGET",
    "VM",
    "Look",
    "begun_at",
    "credits_of",
    "events_of",
    "newest_by_vm",
    "notices_of",
    "observe",
]

log = logging.getLogger(__name__)

LEAD_SECONDS = 120.0
"""From EC2's announcement to a stop or a termination."""

DESCRIBE = "describe"
"""Key of a look at the cloud."""

CREDITS = "credits"
"""Key of a look at the CPU credits of burstable VMs."""

EVENTS = "events"
"""Key of a look into the queue of the cloud's events."""

EXCHANGE = "exchange/"
"""Start of the key of a look at a VM."""

UNTOLD = {
    EVENTS: "The cloud's events could not be read: %s",
    CREDITS: "The VMs' CPU credits could not be read, they are reckoned: %s",
}
"""What is said of a look that is read elsewhere, where it fails."""

FORGET = "forget/"
"""Start of the key of the end of all calls to a VM that can't answer now."""

VM = "vm/"
"""Start of the lane of everything that is said to a VM; the VM's id follows."""


@dataclass(frozen=True)
class Look:
    """What the cloud has said of the VMs.

    :param begun_at: when it was asked, UTC: what happens later it need not know.
    """

    begun_at: datetime
    instances: tuple[Instance, ...]


def observe(ended: Iterable[Ended], generation: int = 0) -> Observation:
    """Return what calls have brought to light.

    Errors of the outside world are observations. Every other one is a fault of this program: it is raised, so
    that it is seen, and the controller starts anew.

    :param generation: the run's; VMs of before it was cleared are not its own.
    :raises EpochRefused: a later controller has taken over.
    """
    seen = _Seen(generation)
    for one in ended:
        seen.take(one)
    return Observation(
        seen.fleet, seen.statuses, seen.silences, tuple(seen.results), notices=_notices(seen.statuses)
    )


def begun_at(ended: Iterable[Ended]) -> datetime | None:
    """Return when the last look at the cloud was begun that was answered, UTC; None where none was."""
    looks = [one.value.begun_at for one in ended if one.key == DESCRIBE and one.error is None]
    return looks[-1] if looks else None


def events_of(ended: Iterable[Ended]) -> list[CloudEvent]:
    """Return what the cloud has told by itself."""
    return [event for one in ended if one.key == EVENTS and one.error is None for event in one.value]


def credits_of(
    ended: Iterable[Ended], instances: Mapping[str, Instance], now: datetime
) -> dict[str, CreditBalance]:
    """Return by VM id the CPU credits that the cloud has counted.

    :param instances: by VM id.
    :param now: UTC.
    """
    vm_ids = _vm_ids(instances)
    looks = [one.value for one in ended if one.key == CREDITS and one.error is None]
    return {
        vm_ids[instance_id]: CreditBalance(counted.credits, (now - counted.counted_at).total_seconds())
        for look in looks
        for instance_id, counted in look.items()
        if instance_id in vm_ids
    }


def notices_of(
    events: Iterable[CloudEvent], instances: Mapping[str, Instance], now: datetime
) -> dict[str, Notice]:
    """Return by VM id what events announce; they do not say when, but EC2 announces two minutes ahead.

    :param instances: by VM id.
    :param now: UTC.
    """
    vm_ids = _vm_ids(instances)
    kinds = {kind.value: kind for kind in NoticeKind}
    return {
        vm_ids[event.instance_id]: Notice(
            kinds[event.interruption.value], max(LEAD_SECONDS - (now - event.at).total_seconds(), 0.0)
        )
        for event in events
        if event.interruption is not None and event.interruption.value in kinds
    }


def _vm_ids(instances: Mapping[str, Instance]) -> dict[str, str]:
    """Return the VMs' ids by instance id."""
    return {instance.instance_id: vm_id for vm_id, instance in instances.items()}


def _notices(statuses: Mapping[str, VmStatus]) -> dict[str, Notice]:
    """Return what VMs were told that will be done to them; of hibernation there is no notice ahead."""
    kinds = {kind.value: kind for kind in NoticeKind}
    told = {vm_id: status.notice for vm_id, status in statuses.items() if status.notice is not None}
    return {
        vm_id: Notice(kinds[notice.action], notice.seconds)
        for vm_id, notice in told.items()
        if notice.action in kinds
    }


def newest_by_vm(instances: Iterable[Instance]) -> dict[str, Instance]:
    """Return the instance of each VM: where there are several, one that lives, then the latest launched."""
    ordered = sorted(instances, key=lambda instance: (not instance.state.ended, instance.launched_at))
    return {instance.vm_id: instance for instance in ordered}


@dataclass
class _Seen:
    generation: int = 0
    fleet: dict[str, Instance] | None = None
    statuses: dict[str, VmStatus] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    results: list[ActionResult] = field(default_factory=list)

    def take(self, ended: Ended) -> None:
        """Sort in one call."""
        error = ended.error
        if error is not None and (isinstance(error, EpochRefused) or not isinstance(error, HadsError)):
            raise error
        if ended.key == DESCRIBE:
            self._take_fleet(ended)
            return
        if ended.key in UNTOLD:
            if error is not None:
                log.warning(UNTOLD[ended.key], _one_line(error))
            return
        if ended.lane.startswith(VM):
            self._take_word(ended.lane[len(VM) :], ended)
        if not ended.key.startswith((EXCHANGE, FORGET)):
            self._take_result(ended)

    def _take_fleet(self, ended: Ended) -> None:
        if ended.error is None:
            own = (instance for instance in ended.value.instances if instance.generation >= self.generation)
            self.fleet = newest_by_vm(own)
        else:
            log.warning("The cloud did not tell about the VMs: %s", _one_line(ended.error))

    def _take_word(self, vm_id: str, ended: Ended) -> None:
        """Take a VM's answer, whatever was said to it; the last word counts."""
        self.statuses.pop(vm_id, None)
        self.silences.pop(vm_id, None)
        if ended.error is None:
            self.statuses[vm_id] = ended.value
        else:
            self.silences[vm_id] = _silence(ended)

    def _take_result(self, ended: Ended) -> None:
        result = ActionResult(
            ended.key,
            _one_line(ended.error),
            hopeless=isinstance(ended.error, HostKeyMismatch),
            capacity=isinstance(ended.error, (CapacityError, QuotaError)),
            quota=isinstance(ended.error, QuotaError),
            throttled=isinstance(ended.error, ThrottledError),
            timed_out=isinstance(ended.error, (CallOverdue, CloudTimeout, VmUnreachable)),
        )
        if ended.error is not None:
            log.warning("%s did not work, it will be tried again: %s", ended.key, result.error)
        self.results.append(result)


def _silence(ended: Ended) -> Silence:
    return Silence(
        _one_line(ended.error),
        undeployed=isinstance(ended.error, CommandFailed),
        hopeless=isinstance(ended.error, HostKeyMismatch),
    )


def _one_line(error: BaseException | None) -> str:
    return "" if error is None else " ".join(f"{error}".split()) or type(error).__name__

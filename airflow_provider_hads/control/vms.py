"""What the cloud's and the runners' words make of a VM's record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.control.observation import Observation, Silence
from airflow_provider_hads.control.rebalance import hear_of_rebalances
from airflow_provider_hads.control.stretches import timed
from airflow_provider_hads.control.told_sleep import hear_of_sleeps
from airflow_provider_hads.control.transitions import vm_after
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.run_state import VmRecord, VmState
from airflow_provider_hads.model.runner import VmStatus

__all__ = ["follow_vms", "is_followed"]

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 600.0
"""Seconds for which a type is not asked for after the second of its VMs was of no use; then twice as long."""

UNSEEN_SLEEP = 4.0
"""Seconds by which a VM's own count of its time asleep must be higher: it counts from tick to tick."""

WHOLE_SECOND = 1.0
"""The cloud tells times in whole seconds."""

_STATE_OF_INSTANCE = {
    InstanceState.STOPPING: VmState.STOPPING,
    InstanceState.STOPPED: VmState.STOPPED,
    InstanceState.SHUTTING_DOWN: VmState.TERMINATED,
    InstanceState.TERMINATED: VmState.TERMINATED,
}

_HIBERNATES = {VmState.STOPPING: VmState.HIBERNATING, VmState.STOPPED: VmState.HIBERNATED}
_STARTS = frozenset({VmState.PLANNED, VmState.LAUNCHING})


@dataclass(frozen=True)
class _Moment:
    """What one step knows, for all VMs alike.

    :param elapsed: seconds since the run's start.
    :param ended: keys of the actions that have ended.
    """

    ledger: Ledger
    observation: Observation
    elapsed: float
    silences: dict[str, Silence]
    ended: frozenset[str]

    def instance(self, vm_id: str) -> Instance | None:
        """Return what the cloud has just said of a VM, if it has."""
        told = self.observation.news.get(vm_id)
        if told is None and self.observation.fleet is not None:
            return self.observation.fleet.get(vm_id)
        return told


def follow_vms(ledger: Ledger, observation: Observation, elapsed: float) -> list[VmRecord]:
    """Bring the records of the VMs that were observed up to date, and give up those that are not to be had.

    :param elapsed: seconds since the run's start.
    :return: the VMs whose state has changed, as they were before.
    """
    ended = frozenset(result.key for result in observation.results)
    silences = _silences(observation) if observation.silences or ended else {}
    moment = _Moment(ledger, observation, elapsed, silences, ended)
    changed = []
    for vm_id in _touched(ledger, moment):
        known = ledger.vms.get(vm_id)
        if known is None or known.state is VmState.TERMINATED:
            continue
        vm = _followed(known, moment)
        if vm.state is not known.state:
            at = _changed_at(known, vm, moment)
            vm = timed(known, vm, at, interrupted=_interrupted(known, vm, ledger))
            changed.append(known)
        ledger.put_vm(vm)
        if vm.state is VmState.LOST and known.state is not VmState.LOST and ledger.mission is not None:
            _pause_after_losses(ledger, vm, elapsed)
    if observation.events:
        hear_of_sleeps(ledger, observation.events)
        hear_of_rebalances(ledger, observation.events)
    return changed


def _changed_at(known: VmRecord, vm: VmRecord, moment: _Moment) -> float:
    """Return when a VM fell asleep, came back or ended: as the cloud tells it, or else when it is seen.

    A look comes late by its interval; after a controller was dead, by as long as that took.
    """
    instance = moment.instance(vm.id)
    if instance is None or instance.instance_id != vm.instance_id:
        return moment.elapsed
    told: datetime | None = None
    if vm.state.ended:
        told = instance.ended_at
    elif vm.state.asleep:
        told = instance.stopped_at
    elif known.state.asleep:
        told = instance.started_at
    if told is None:
        return moment.elapsed
    at = (told - moment.ledger.started_at).total_seconds()
    since = known.since or 0.0
    if at <= since - WHOLE_SECOND:
        return moment.elapsed  # it tells of a change before that one
    return min(max(at, since), moment.elapsed)


def _interrupted(known: VmRecord, vm: VmRecord, ledger: Ledger) -> bool:
    """Say whether the cloud has ended a VM that was up."""
    unasked = f"terminate/{vm.id}" not in ledger.pending
    return vm.state is VmState.TERMINATED and unasked and known.since is not None and not known.state.asleep


def _pause_after_losses(ledger: Ledger, vm: VmRecord, elapsed: float) -> None:
    """Ask for no more VMs of a type for a while when several never came to work: each of them costs."""
    useless = sum(
        (one.instance_type, one.market) == (vm.instance_type, vm.market)
        and one.state.ended
        and one.instance_id is not None
        and one.boot_id is None
        for one in ledger.vms.values()
    )
    if useless > 1:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(useless - 2, 10))
        ledger.pauses[f"{vm.instance_type}/{vm.market}"] = elapsed + pause


def _touched(ledger: Ledger, moment: _Moment) -> Iterable[str]:
    """Return the VMs of which anything was heard; a look at the whole fleet is news of every VM."""
    observation = moment.observation
    if observation.fleet is not None:
        return list(ledger.vms)
    return dict.fromkeys((*observation.news, *observation.statuses, *moment.silences))


def _followed(vm: VmRecord, moment: _Moment) -> VmRecord:
    for change in _CHANGES:
        vm = vm_after(vm, change(vm, moment))
    return vm


def _described(vm: VmRecord, moment: _Moment) -> VmRecord:
    instance = moment.instance(vm.id)
    if instance is None:
        return vm if moment.observation.fleet is None else _not_shown(vm, moment)
    was_lost = vm.state is VmState.LOST
    if vm.instance_id is None:
        vm = _identified(vm, instance, moment)
    target = _STATE_OF_INSTANCE.get(instance.state)
    if is_followed(vm, instance):
        return _followed_by_another(vm, instance, moment)
    if target is None:
        return _running(vm, instance, moment)
    if target is VmState.TERMINATED:
        reason = vm.reason if vm.state is VmState.LOST else instance.state_reason or "terminated"
        ended_at = moment.elapsed if vm.ended_at is None else vm.ended_at
        return amended(vm, state=target, ended_at=ended_at, reason=reason)
    if was_lost and vm.state is VmState.LAUNCHING:
        return vm  # adopted; a VM that was given up for good is not, so the next look tells that it sleeps
    if instance.hibernated:
        target = _HIBERNATES[target]
    return amended(vm, state=target, reason=instance.state_reason or instance.state.value)


def _identified(vm: VmRecord, instance: Instance, moment: _Moment) -> VmRecord:
    """Return a VM with its instance; if its launch seemed to have failed, only the answer was lost."""
    asked_in_vain = vm.state is VmState.LOST and moment.ledger.mission is not None
    return amended(
        vm,
        state=VmState.LAUNCHING if asked_in_vain else vm.state,
        instance_id=instance.instance_id,
        launched_at=instance.launched_at,
        zone=instance.zone,
    )


def is_followed(vm: VmRecord, instance: Instance | None) -> bool:
    """Say whether a VM's spot request, which persists, has launched another instance after its end."""
    return instance is not None and instance.instance_id != vm.instance_id and not instance.state.ended


def _followed_by_another(vm: VmRecord, instance: Instance, moment: _Moment) -> VmRecord:
    """Give up a VM that another instance follows: what it had is gone, and nothing is deployed there.

    It has ended already; when the other one ends is not its end.
    """
    if vm.state is VmState.LOST:
        return vm
    reason = f"{vm.instance_id} has ended; its spot request has launched {instance.instance_id} in its place"
    return amended(vm, state=VmState.LOST, reason=reason, ended_at=moment.elapsed)


def _running(vm: VmRecord, instance: Instance, moment: _Moment) -> VmRecord:
    """Return the VM where it boots for the first time or again; else as it is."""
    if vm.state in _STARTS:
        ready_by = _ready_by(vm, moment)
        return amended(
            vm, state=VmState.BOOTING, booting_since=instance.launched_at, ready_by=ready_by, reason=""
        )
    if not vm.state.asleep:
        return vm
    frozen = vm.state in (VmState.HIBERNATING, VmState.HIBERNATED)
    return amended(
        vm,
        state=VmState.RESUMED if frozen else VmState.BOOTING,
        booting_since=moment.ledger.moment(moment.elapsed),
        ready_by=_ready_by(vm, moment),
        heartbeat=None,
        reason="",
        leaves_at=None,
    )


def _ready_by(vm: VmRecord, moment: _Moment) -> float | None:
    mission = moment.ledger.mission
    return None if mission is None else moment.elapsed + mission.boot


def _not_shown(vm: VmRecord, moment: _Moment) -> VmRecord:
    """Take a VM for gone that the cloud does not show, unless it may be too new to be shown."""
    ledger = moment.ledger
    since = moment.elapsed if ledger.supervised_from is None else ledger.supervised_from
    youngest = min(moment.elapsed - since, _age(vm.launched_at, moment))
    never_was = vm.state is VmState.LOST and vm.instance_id is None
    if youngest <= ledger.rules.visibility or never_was or _is_asked_for(vm):
        return vm
    if vm.state is VmState.PLANNED:
        return amended(vm, state=VmState.LOST, reason="the cloud does not know it: it was never launched")
    reason = vm.reason if vm.state is VmState.LOST else "the cloud shows it no more"
    ended_at = moment.elapsed if vm.ended_at is None else vm.ended_at
    return amended(vm, state=VmState.TERMINATED, ended_at=ended_at, reason=reason)


def _is_asked_for(vm: VmRecord) -> bool:
    """Say whether the cloud has not answered yet to the order for a VM."""
    return vm.state is VmState.LAUNCHING and vm.launched_at is None


def _heard(vm: VmRecord, moment: _Moment) -> VmRecord:
    status = moment.observation.statuses.get(vm.id)
    if status is not None and vm.state.asleep:
        return vm  # said before it fell asleep: when it comes back, the cloud tells first, with its address
    if status is not None:
        return _beating(vm, status, moment)
    silence = moment.silences.get(vm.id)
    if silence is None or vm.state not in (VmState.BOOTING, VmState.RESUMED, VmState.READY):
        return vm
    return amended(vm, reason=silence.reason)


def _beating(vm: VmRecord, status: VmStatus, moment: _Moment) -> VmRecord:
    """Note the runner's heartbeat; a deployment gives it the whole time to rise again."""
    risen = status.heartbeat != vm.heartbeat or f"deploy/{vm.id}" in moment.ended
    vm = _with_own_count(vm, status)
    if not risen and vm.state is VmState.READY and not vm.reason:
        return vm
    return amended(
        vm,
        state=VmState.READY,
        reason="",
        boot_id=status.boot_id,
        heartbeat=status.heartbeat,
        heartbeat_at=moment.elapsed if risen else vm.heartbeat_at,
    )


def _with_own_count(vm: VmRecord, status: VmStatus) -> VmRecord:
    """Take a VM's own count of its time asleep where it is higher: it slept while nobody looked."""
    if status.slept is None or status.slept - vm.slept <= UNSEEN_SLEEP:
        return vm
    return amended(vm, slept=status.slept)


def _given_up(vm: VmRecord, moment: _Moment) -> VmRecord:
    """Give up a VM that can't be reached, or that was asked after its boot time-out and did not answer.

    The time alone does not prove anything: a controller that comes late finds VMs that have long been ready.
    """
    if vm.state is VmState.READY and moment.ledger.mission is not None:
        return _silent_too_long(vm, moment)
    if vm.state not in (VmState.BOOTING, VmState.RESUMED):
        return vm
    silence = moment.silences.get(vm.id)
    if silence is not None and silence.hopeless:
        return amended(vm, state=VmState.LOST)
    timeout = moment.ledger.rules.boot_timeout
    if not _mute(vm, moment) or _age(vm.booting_since, moment) <= timeout:
        return vm
    reason = f"not ready {timeout:.0f} s after its launch" + (f": {vm.reason}" if vm.reason else "")
    return amended(vm, state=VmState.LOST, reason=reason)


def _silent_too_long(vm: VmRecord, moment: _Moment) -> VmRecord:
    """Give up a VM that runs by the cloud's word, but has not answered for long, or not as it should.

    One silence proves nothing, and a controller that comes late has not heard it for long: it is the second.
    """
    silence = moment.silences.get(vm.id)
    if silence is None:
        return vm
    if silence.hopeless:
        return amended(vm, state=VmState.LOST)
    limit = moment.ledger.rules.silence
    before = moment.ledger.vms[vm.id].reason
    if not before or vm.heartbeat_at is None or moment.elapsed - vm.heartbeat_at <= limit:
        return vm
    return amended(
        vm, state=VmState.LOST, reason=f"silent for {limit:.0f} s, though it runs: {silence.reason}"
    )


_CHANGES: Sequence[Callable[[VmRecord, _Moment], VmRecord]] = (_described, _heard, _given_up)


def _mute(vm: VmRecord, moment: _Moment) -> bool:
    silence = moment.silences.get(vm.id)
    if silence is not None:
        return not silence.undeployed
    instance = moment.instance(vm.id)
    return instance is not None and not _can_be_asked(instance)


def _can_be_asked(instance: Instance) -> bool:
    return instance.state is InstanceState.RUNNING and instance.address is not None


def _age(since: datetime | None, moment: _Moment) -> float:
    if since is None:
        return float("inf")
    return moment.elapsed - (since - moment.ledger.started_at).total_seconds()


def _silences(observation: Observation) -> dict[str, Silence]:
    """Return why VMs did not answer: to a look, or to a deployment, which tells more."""
    silences = dict(observation.silences)
    for result in observation.results:
        kind, _, vm_id = result.key.partition("/")
        if kind == "deploy" and result.error:
            silences[vm_id] = Silence(result.error, hopeless=result.hopeless)
    return silences

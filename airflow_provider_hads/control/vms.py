"""What the cloud's and the runners' words make of a VM's record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from airflow_provider_hads.control.observation import Observation, Silence
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.transitions import vm_after
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.run_state import RunState, VmRecord, VmState
from airflow_provider_hads.model.runner import VmStatus

__all__ = ["follow_vms"]

_STATE_OF_INSTANCE = {
    InstanceState.STOPPING: VmState.STOPPED,
    InstanceState.STOPPED: VmState.STOPPED,
    InstanceState.SHUTTING_DOWN: VmState.TERMINATED,
    InstanceState.TERMINATED: VmState.TERMINATED,
}


@dataclass(frozen=True)
class _Moment:
    """What one step knows, for all VMs alike.

    :param elapsed: seconds since the run's start.
    :param supervised: seconds since the controller's first step.
    :param ended: keys of the actions that have ended.
    """

    observation: Observation
    now: datetime
    elapsed: float
    supervised: float
    rules: Rules
    silences: dict[str, Silence]
    ended: frozenset[str]


def follow_vms(state: RunState, observation: Observation, now: datetime, rules: Rules) -> RunState:
    """Bring every VM's record up to what was observed, and give up those that are not to be had.

    :param state: the state before.
    :param observation: what has become known.
    :param now: UTC.
    """
    elapsed = state.elapsed(now)
    since = elapsed if state.supervised_from is None else state.supervised_from
    ended = frozenset(result.key for result in observation.results)
    moment = _Moment(observation, now, elapsed, elapsed - since, rules, _silences(observation), ended)
    return replace(state, vms={vm.id: _followed(vm, moment) for vm in state.vms.values()})


def _followed(vm: VmRecord, moment: _Moment) -> VmRecord:
    if vm.state is VmState.TERMINATED:
        return vm
    for change in _CHANGES:
        vm = vm_after(vm, change(vm, moment))
    return vm


def _described(vm: VmRecord, moment: _Moment) -> VmRecord:
    if moment.observation.fleet is None:
        return vm
    instance = moment.observation.fleet.get(vm.id)
    if instance is None:
        return _not_shown(vm, moment)
    vm = replace(vm, instance_id=instance.instance_id, launched_at=vm.launched_at or instance.launched_at)
    target = _STATE_OF_INSTANCE.get(instance.state)
    if target is VmState.TERMINATED:
        reason = vm.reason if vm.state is VmState.LOST else instance.state_reason or "terminated"
        return replace(vm, state=target, ended_at=moment.elapsed, reason=reason)
    if target is VmState.STOPPED:
        return replace(vm, state=target, reason=instance.state_reason or instance.state.value)
    if vm.state is VmState.PLANNED:
        return replace(vm, state=VmState.BOOTING, booting_since=instance.launched_at, reason="")
    if vm.state is VmState.STOPPED:
        return replace(vm, state=VmState.BOOTING, booting_since=moment.now, heartbeat=None, reason="")
    return vm


def _not_shown(vm: VmRecord, moment: _Moment) -> VmRecord:
    """Take a VM for gone that the cloud does not show, unless it may be too new to be shown."""
    youngest = min(moment.supervised, _age(vm.launched_at, moment))
    if youngest <= moment.rules.visibility or vm.state is VmState.LOST:
        return vm
    if vm.state is VmState.PLANNED:
        return replace(vm, state=VmState.LOST, reason="the cloud does not know it: it was never launched")
    reason = "the cloud shows it no more"
    return replace(vm, state=VmState.TERMINATED, ended_at=moment.elapsed, reason=reason)


def _heard(vm: VmRecord, moment: _Moment) -> VmRecord:
    status = moment.observation.statuses.get(vm.id)
    if status is not None:
        return _beating(replace(vm, state=VmState.READY, reason=""), status, moment)
    silence = moment.silences.get(vm.id)
    if silence is None or vm.state not in (VmState.BOOTING, VmState.READY):
        return vm
    return replace(vm, reason=silence.reason)


def _beating(vm: VmRecord, status: VmStatus, moment: _Moment) -> VmRecord:
    """Note the runner's heartbeat; a deployment gives it the whole time to rise again."""
    risen = status.heartbeat != vm.heartbeat or f"deploy/{vm.id}" in moment.ended
    return replace(
        vm,
        boot_id=vm.boot_id or status.boot_id,
        heartbeat=status.heartbeat,
        heartbeat_at=moment.elapsed if risen else vm.heartbeat_at,
    )


def _given_up(vm: VmRecord, moment: _Moment) -> VmRecord:
    """Give up a VM that can't be reached, or that was asked after its boot time-out and did not answer.

    The time alone does not prove anything: a controller that comes late finds VMs that have long been ready.
    """
    if vm.state is not VmState.BOOTING:
        return vm
    silence = moment.silences.get(vm.id)
    if silence is not None and silence.hopeless:
        return replace(vm, state=VmState.LOST)
    timeout = moment.rules.boot_timeout
    if _age(vm.booting_since, moment) <= timeout or not _mute(vm, moment):
        return vm
    reason = f"not ready {timeout:.0f} s after its launch" + (f": {vm.reason}" if vm.reason else "")
    return replace(vm, state=VmState.LOST, reason=reason)


_CHANGES: Sequence[Callable[[VmRecord, _Moment], VmRecord]] = (_described, _heard, _given_up)


def _mute(vm: VmRecord, moment: _Moment) -> bool:
    silence = moment.silences.get(vm.id)
    if silence is not None:
        return not silence.undeployed
    instance = None if moment.observation.fleet is None else moment.observation.fleet.get(vm.id)
    return instance is not None and not _can_be_asked(instance)


def _can_be_asked(instance: Instance) -> bool:
    return instance.state is InstanceState.RUNNING and instance.address is not None


def _age(since: datetime | None, moment: _Moment) -> float:
    return float("inf") if since is None else (moment.now - since).total_seconds()


def _silences(observation: Observation) -> dict[str, Silence]:
    """Return why VMs did not answer: to a look, or to a deployment, which tells more."""
    silences = dict(observation.silences)
    for result in observation.results:
        kind, _, vm_id = result.key.partition("/")
        if kind == "deploy" and result.error:
            silences[vm_id] = Silence(result.error, hopeless=result.hopeless)
    return silences

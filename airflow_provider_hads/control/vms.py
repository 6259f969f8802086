"""What the cloud's and the runners' words make of a VM's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from airflow_provider_hads.control.observation import ActionResult, Observation, Silence
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.transitions import with_vm
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.run_state import RunState, VmRecord, VmState

__all__ = ["follow_vms"]

_STATE_OF_INSTANCE = {
    InstanceState.STOPPING: VmState.STOPPED,
    InstanceState.STOPPED: VmState.STOPPED,
    InstanceState.SHUTTING_DOWN: VmState.TERMINATED,
    InstanceState.TERMINATED: VmState.TERMINATED,
}


def follow_vms(state: RunState, observation: Observation, now: datetime, rules: Rules) -> RunState:
    """Bring every VM's record up to what was observed, and give up those that are not to be had.

    :param state: the state before.
    :param observation: what has become known.
    :param now: UTC.
    """
    for vm in tuple(state.vms.values()):
        if vm.state is VmState.TERMINATED:
            continue
        if observation.fleet is not None:
            state = with_vm(state, _after_describe(state, vm, observation.fleet.get(vm.id), now, rules))
        status = observation.statuses.get(vm.id)
        if status is not None:
            vm = state.vms[vm.id]
            state = with_vm(state, replace(vm, state=VmState.READY, boot_id=vm.boot_id or status.boot_id, reason=""))
        state = _give_up_if_hopeless(state, vm.id, observation, now, rules)
    return state


def _after_describe(
    state: RunState, vm: VmRecord, instance: Instance | None, now: datetime, rules: Rules
) -> VmRecord:
    if instance is None:
        return _not_shown(state, vm, now, rules)
    vm = replace(vm, instance_id=instance.instance_id, launched_at=vm.launched_at or instance.launched_at)
    target = _STATE_OF_INSTANCE.get(instance.state)
    if target is VmState.TERMINATED:
        reason = instance.state_reason or "terminated"
        return replace(vm, state=target, ended_at=state.elapsed(now), reason=reason)
    if target is VmState.STOPPED:
        return replace(vm, state=target, reason=instance.state_reason or instance.state.value)
    if vm.state in (VmState.PLANNED, VmState.STOPPED):
        return replace(vm, state=VmState.BOOTING, reason="")
    return vm


def _not_shown(state: RunState, vm: VmRecord, now: datetime, rules: Rules) -> VmRecord:
    if vm.launched_at is None or (now - vm.launched_at).total_seconds() <= rules.visibility:
        return vm
    return replace(vm, state=VmState.TERMINATED, ended_at=state.elapsed(now), reason="the cloud shows it no more")


def _give_up_if_hopeless(
    state: RunState, vm_id: str, observation: Observation, now: datetime, rules: Rules
) -> RunState:
    vm = state.vms[vm_id]
    if vm.state not in (VmState.BOOTING, VmState.PLANNED):
        return state
    silence = _silence(vm_id, observation.silences, observation.results)
    if silence is not None:
        vm = replace(vm, reason=silence.reason)
    if silence is not None and silence.hopeless:
        return with_vm(state, replace(vm, state=VmState.LOST))
    if vm.launched_at is not None and (now - vm.launched_at).total_seconds() > rules.boot_timeout:
        reason = f"not ready {rules.boot_timeout:.0f} s after its launch" + (f": {vm.reason}" if vm.reason else "")
        return with_vm(state, replace(vm, state=VmState.LOST, reason=reason))
    return with_vm(state, vm)


def _silence(
    vm_id: str, silences: Mapping[str, Silence], results: tuple[ActionResult, ...]
) -> Silence | None:
    for result in results:
        if result.key == f"deploy/{vm_id}" and result.error:
            return Silence(result.error, hopeless=result.hopeless)
    return silences.get(vm_id)

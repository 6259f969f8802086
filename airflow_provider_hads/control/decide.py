"""One step of the controller: from a state and what was seen to the next state and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import islice

from airflow_provider_hads.control.actions import Action, DeployVm, PublishResults, Reason, RenewLease
from airflow_provider_hads.control.observation import ActionResult, Observation
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.setbacks import follow_setbacks, held_back
from airflow_provider_hads.control.tasks import fail_unfinished, follow_tasks
from airflow_provider_hads.control.vms import follow_vms
from airflow_provider_hads.model.run_state import RunState, TaskState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["decide"]


def decide(
    state: RunState, observation: Observation, now: datetime, rules: Rules
) -> tuple[RunState, tuple[Action, ...]]:
    """Make one step.

    Pure: the same arguments give the same answer. The actions are returned once; their keys stay in
    ``state.pending`` until their results are observed, and nothing pending is asked for again. What has
    failed is asked for again after a pause.

    :param state: the state before.
    :param observation: what has become known since.
    :param now: UTC.
    :param rules: the time limits.
    :return: the state after, and what is to be done.
    """
    state = _take_results(state, observation.results, state.elapsed(now))
    state = follow_vms(state, observation, now, rules)
    state = follow_tasks(state, observation, now)
    state = _mind_the_deadline(state, now, rules)
    pending = frozenset(state.pending)
    actions = tuple(
        action
        for action in _wanted(state, observation, now, rules)
        if action.key not in pending and not held_back(state.setbacks, action.key, state.elapsed(now))
    )
    return replace(state, pending=(*state.pending, *(action.key for action in actions))), actions


def _take_results(state: RunState, results: Sequence[ActionResult], elapsed: float) -> RunState:
    ended = {result.key for result in results}
    return replace(
        state,
        supervised_from=elapsed if state.supervised_from is None else state.supervised_from,
        pending=tuple(key for key in state.pending if key not in ended),
        setbacks=follow_setbacks(state.setbacks, results, elapsed),
    )


def _mind_the_deadline(state: RunState, now: datetime, rules: Rules) -> RunState:
    elapsed = state.elapsed(now)
    if state.ended or elapsed <= state.deadline:
        return state
    state = replace(state, deadline_missed=True)
    if elapsed <= state.deadline + rules.margin:
        return state
    return fail_unfinished(state, f"given up {rules.margin:.0f} s after the deadline")


def _wanted(state: RunState, observation: Observation, now: datetime, rules: Rules) -> Iterator[Action]:
    yield from _publications(state)
    if state.ended:
        return
    for vm in state.vms.values():
        if any(not state.tasks[task_id].state.ended for task_id in vm.task_ids):
            yield from _deployment(state, vm, observation, now, rules)
            yield from _renewal(state, vm, observation, now, rules)


def _publications(state: RunState) -> Iterator[Action]:
    for task in state.tasks.values():
        if not task.state.ended:
            finished = (attempt for attempt in task.attempts if attempt.state is AttemptState.FINISHED)
            for attempt in islice(finished, 1):
                yield PublishResults(task.id, attempt.id, attempt.files)


def _deployment(
    state: RunState, vm: VmRecord, observation: Observation, now: datetime, rules: Rules
) -> Iterator[Action]:
    waiting = tuple(task_id for task_id in vm.task_ids if state.tasks[task_id].state is TaskState.WAITING)
    silence = observation.silences.get(vm.id)
    if vm.state is VmState.BOOTING and silence is not None and silence.undeployed:
        yield DeployVm(vm.id, waiting, Reason.VM_WITHOUT_RUNNER)
    elif vm.state is not VmState.READY or vm.id not in observation.statuses:
        return
    elif waiting:
        yield DeployVm(vm.id, waiting, Reason.TASKS_NOT_QUEUED)
    elif vm.heartbeat_at is not None and state.elapsed(now) - vm.heartbeat_at > rules.standstill:
        yield DeployVm(vm.id, (), Reason.RUNNER_STANDS_STILL)


def _renewal(
    state: RunState, vm: VmRecord, observation: Observation, now: datetime, rules: Rules
) -> Iterator[Action]:
    """Ask for a longer lease, but for none that outlives the run."""
    status = observation.statuses.get(vm.id)
    if status is None or vm.state is not VmState.READY:
        return
    end_of_run = state.started_at + timedelta(seconds=state.deadline + rules.margin)
    soon = min(now + timedelta(seconds=rules.margin / 2), end_of_run)
    if datetime.fromtimestamp(status.expiry, tz=timezone.utc) < soon:
        yield RenewLease(vm.id, min(now + timedelta(seconds=rules.margin), end_of_run))

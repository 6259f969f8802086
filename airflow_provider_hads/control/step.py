"""A step in open books: take in what was observed, let the policy decide, say what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice

from airflow_provider_hads.control.actions import (
    Action,
    CancelAttempt,
    DeployVm,
    PublishResults,
    Reason,
    RenewLease,
    TerminateVm,
)
from airflow_provider_hads.control.attempts import attempt_id
from airflow_provider_hads.control.credits import settle_credits, take_credits
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import pauses_end
from airflow_provider_hads.control.miss import look_for_miss
from airflow_provider_hads.control.notices import heed_notices
from airflow_provider_hads.control.observation import Observation
from airflow_provider_hads.control.orders import Orders, take_results
from airflow_provider_hads.control.policies import get_policy
from airflow_provider_hads.control.policies.common import wake_by
from airflow_provider_hads.control.setbacks import held_back
from airflow_provider_hads.control.tasks import (
    fail_unfinished,
    go_on,
    interrupt,
    judge,
    stand_still,
    strand,
    take_checkpoint,
    take_publications,
    take_reports,
)
from airflow_provider_hads.control.vms import follow_vms, is_followed
from airflow_provider_hads.model.run_state import Miss, TaskState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["step"]

TICK = 1e-6
"""Seconds; a ``datetime`` tells no shorter time."""


def step(ledger: Ledger, observation: Observation, elapsed: float) -> list[Action]:
    """Make one step in open books; its cost goes with what was observed, not with the size of the run.

    :param ledger: changed by the step.
    :param observation: what has become known since the last step.
    :param elapsed: seconds since the run's start.
    :return: what is to be done.
    """
    orders = Orders(ledger, elapsed)
    take_results(ledger, observation.results, elapsed)
    _follow(ledger, observation, elapsed)
    _mind_the_deadline(ledger, elapsed)
    for action in _publications(ledger):
        orders.issue(action)
    if not ledger.ended:
        for action in _upkeep(ledger, observation, elapsed):
            orders.issue(action)
    if ledger.mission is not None and observation.notices:
        heed_notices(ledger, orders, observation, elapsed)
    _let_the_policy_decide(ledger, orders, elapsed)
    return orders.issued


def _follow(ledger: Ledger, observation: Observation, elapsed: float) -> None:
    first = ledger.opened
    ledger.opened = False
    rebooted = _rebooted(ledger, observation)
    changed = follow_vms(ledger, observation, elapsed)
    for vm_id in rebooted:
        interrupt(ledger, vm_id, observation.statuses[vm_id], elapsed)
    _take_in_tasks(ledger, observation, elapsed)
    if ledger.mission is not None:
        _take_in_credits(ledger, observation, changed, elapsed)
    _note_what_has_run(ledger, changed, elapsed)
    for vm in ledger.vms.values() if first else _now(ledger, changed):
        if vm.state.ended:
            strand(ledger, vm, elapsed)
    if ledger.mission is not None:
        _judge_again(ledger, changed)


def _take_in_tasks(ledger: Ledger, observation: Observation, elapsed: float) -> None:
    for vm_id, status in observation.statuses.items():
        if vm_id in ledger.vms:
            take_reports(ledger, vm_id, status, elapsed)
    for task_id, share in observation.checkpoints.items():
        take_checkpoint(ledger, task_id, share)
    take_publications(ledger, observation.results)


def _take_in_credits(
    ledger: Ledger, observation: Observation, changed: Iterable[VmRecord], elapsed: float
) -> None:
    for before in changed:
        settle_credits(ledger, before, elapsed)
    for vm_id, told in observation.credits.items():
        take_credits(ledger, vm_id, told, elapsed)


def _rebooted(ledger: Ledger, observation: Observation) -> list[str]:
    """Return the VMs that tell of another boot than before; with a mission only, else their tasks fail."""
    if ledger.mission is None:
        return []
    told = ((ledger.vms.get(vm_id), status) for vm_id, status in observation.statuses.items())
    return [vm.id for vm, status in told if vm is not None and vm.boot_id not in (None, status.boot_id)]


def _now(ledger: Ledger, before: Iterable[VmRecord]) -> list[VmRecord]:
    return [ledger.vms[vm.id] for vm in before]


def _note_what_has_run(ledger: Ledger, changed: Iterable[VmRecord], elapsed: float) -> None:
    """VMs that fall asleep or end have worked since they were heard last; those that wake have not."""
    for before in changed:
        after = ledger.vms[before.id].state
        if before.state is VmState.READY and (after.asleep or after.ended):
            stand_still(ledger, before.id, elapsed)
        elif before.state.asleep and not (after.asleep or after.ended):
            go_on(ledger, before.id, elapsed)


def _judge_again(ledger: Ledger, changed: Iterable[VmRecord]) -> None:
    """Tasks freeze and thaw with their VMs."""
    for before in changed:
        if before.state.asleep != ledger.vms[before.id].state.asleep:
            for task_id in sorted(set(ledger.work[before.id].values())):
                judge(ledger, ledger.tasks[task_id])


def _mind_the_deadline(ledger: Ledger, elapsed: float) -> None:
    if ledger.ended or elapsed <= ledger.deadline:
        return
    ledger.deadline_missed = True
    late = [
        task for task in ledger.tasks.values() if not task.state.ended and task.id not in ledger.unpublished
    ]
    if ledger.miss is None and late:  # tasks took longer than estimated: it could not be known before
        ledger.miss = Miss(elapsed, elapsed, f"it has passed, and {len(late)} tasks have not ended")
    if elapsed > ledger.deadline + ledger.rules.margin:
        fail_unfinished(ledger, f"given up {ledger.rules.margin:.0f} s after the deadline")


def _let_the_policy_decide(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    if ledger.mission is None:
        return
    due = ledger.wake_at is not None and elapsed >= ledger.wake_at - TICK
    if ledger.changed or due:
        ledger.changed = False
        ledger.wake_at = None
        get_policy(ledger.mission.policy)(ledger, orders, elapsed)
        _look_again_after_pauses(ledger, elapsed)
        _say_a_miss(ledger, elapsed)
        if elapsed <= ledger.deadline and not ledger.ended:
            wake_by(ledger, ledger.deadline + TICK)
        # What it has changed itself it has seen: a successor, who opens the books anew, need not look again.
        ledger.changed = False
    _end_again_after_setbacks(ledger, elapsed)


def _say_a_miss(ledger: Ledger, elapsed: float) -> None:
    """Where no plan is sure to meet the deadline, look whether none can."""
    if ledger.safe_until is not None or ledger.miss is not None or ledger.ended:
        return
    if ledger.miss_from is None or elapsed >= ledger.miss_from - TICK:
        ledger.miss_from = look_for_miss(ledger, elapsed)
    if ledger.miss_from is not None:
        wake_by(ledger, ledger.miss_from)


def _look_again_after_pauses(ledger: Ledger, elapsed: float) -> None:
    """Without a way out, ask for VMs again when there may be some: nothing else may happen till then."""
    end = pauses_end(ledger, elapsed)
    if end is not None and ledger.safe_until is None and not ledger.ended:
        ledger.wake_at = end if ledger.wake_at is None else min(end, ledger.wake_at)


def _end_again_after_setbacks(ledger: Ledger, elapsed: float) -> None:
    """Where the end of a VM has failed, decide again when it may be tried again: nothing else may happen."""
    for key, setback in ledger.setbacks.items():
        if key.startswith("terminate/") and held_back(ledger.setbacks, key, elapsed):
            wake_by(ledger, setback.until)


def _publications(ledger: Ledger) -> Iterator[Action]:
    for task_id in list(ledger.unpublished):
        attempts = ledger.tasks[task_id].attempts
        finished = (attempt for attempt in attempts if attempt.state is AttemptState.FINISHED)
        for attempt in islice(finished, 1):
            yield PublishResults(task_id, attempt.id, attempt.files)


def _upkeep(ledger: Ledger, observation: Observation, elapsed: float) -> Iterator[Action]:
    """Yield what the VMs need that were heard, or not heard."""
    for vm_id in dict.fromkeys((*observation.statuses, *observation.silences)):
        vm = ledger.vms.get(vm_id)
        if vm is not None and not vm.state.ended and _needed(ledger, vm):
            yield from _deployment(ledger, vm, observation, elapsed)
            yield from _renewal(ledger, vm, observation, elapsed)
        if vm is not None and ledger.mission is not None:
            yield from _zombies(ledger, vm, observation)
            yield from _end_of_given_up(vm)
    if ledger.mission is not None and observation.fleet is not None:
        for vm in ledger.vms.values():
            yield from _end_of_given_up(vm)
            if vm.state is VmState.TERMINATED and is_followed(vm, observation.fleet.get(vm.id)):
                yield TerminateVm(vm.id, Reason.LAUNCHED_IN_ITS_PLACE)


def _end_of_given_up(vm: VmRecord) -> Iterator[Action]:
    if vm.state is VmState.LOST and vm.instance_id is not None:
        yield TerminateVm(vm.id, Reason.GIVEN_UP)


def _needed(ledger: Ledger, vm: VmRecord) -> bool:
    planned = any(not ledger.tasks[task_id].state.ended for task_id in vm.task_ids)
    return planned or ledger.mission is not None


def _deployment(ledger: Ledger, vm: VmRecord, observation: Observation, elapsed: float) -> Iterator[Action]:
    waiting = tuple(task_id for task_id in vm.task_ids if _belongs_into_queue(ledger, vm, task_id))
    silence = observation.silences.get(vm.id)
    # It may have been hibernated before its deployment.
    comes_up = vm.state in (VmState.BOOTING, VmState.RESUMED)
    if comes_up and silence is not None and silence.undeployed:
        yield DeployVm(vm.id, waiting, Reason.VM_WITHOUT_RUNNER)
    elif vm.state is not VmState.READY or vm.id not in observation.statuses:
        return
    elif waiting and ledger.mission is None:
        yield DeployVm(vm.id, waiting, Reason.TASKS_NOT_QUEUED)
    elif vm.heartbeat_at is not None and elapsed - vm.heartbeat_at > ledger.rules.standstill:
        yield DeployVm(vm.id, (), Reason.RUNNER_STANDS_STILL)


def _belongs_into_queue(ledger: Ledger, vm: VmRecord, task_id: str) -> bool:
    """Say whether a task of a VM's plan is still to be put into its queue with the VM's deployment."""
    task = ledger.tasks[task_id]
    if ledger.mission is None:
        return task.state is TaskState.WAITING
    first = attempt_id(task_id, 1, ledger.mission.generation)
    return any((one.id, one.vm_id, one.state) == (first, vm.id, AttemptState.QUEUED) for one in task.attempts)


def _renewal(ledger: Ledger, vm: VmRecord, observation: Observation, elapsed: float) -> Iterator[Action]:
    """Ask for a longer lease, but for none that outlives the run."""
    status = observation.statuses.get(vm.id)
    if status is None or vm.state is not VmState.READY:
        return
    margin = ledger.rules.margin
    end_of_run = ledger.started_at.timestamp() + ledger.deadline + margin
    now = ledger.started_at.timestamp() + elapsed
    if status.expiry < min(now + margin / 2, end_of_run):
        expiry = datetime.fromtimestamp(min(now + margin, end_of_run), tz=timezone.utc)
        yield RenewLease(vm.id, expiry)


def _zombies(ledger: Ledger, vm: VmRecord, observation: Observation) -> Iterator[Action]:
    """Yield the end of attempts that a VM still has, but that were taken for ended."""
    status = observation.statuses.get(vm.id)
    for reported in status.attempts.values() if status is not None else ():
        if reported.state.ended or reported.attempt_id in ledger.work[vm.id]:
            continue
        if reported.task_id in ledger.tasks:
            yield CancelAttempt(vm.id, reported.task_id, reported.attempt_id, Reason.DROPPED)

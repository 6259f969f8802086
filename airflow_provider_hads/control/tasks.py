"""What the runners' words and the actions' ends make of a task's record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from airflow_provider_hads.control.observation import ActionResult, Observation
from airflow_provider_hads.control.transitions import with_task
from airflow_provider_hads.model.run_state import Attempt, RunState, TaskRecord, TaskState, VmState
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus

__all__ = ["fail_unfinished", "follow_tasks"]

_TASK_STATE = {
    AttemptState.QUEUED: TaskState.STAGED,
    AttemptState.STAGING: TaskState.RUNNING,
    AttemptState.RUNNING: TaskState.RUNNING,
    AttemptState.UPLOADING: TaskState.RUNNING,
    AttemptState.FINISHED: TaskState.RUNNING,
    AttemptState.FAILED: TaskState.FAILED,
    AttemptState.CANCELLED: TaskState.WAITING,
}


def follow_tasks(state: RunState, observation: Observation, now: datetime) -> RunState:
    """Bring every task's record up to what was observed.

    :param state: the state before, its VMs already up to date.
    :param now: UTC.
    """
    elapsed = state.elapsed(now)
    for vm_id, status in observation.statuses.items():
        for reported in status.attempts.values():
            if reported.task_id in state.tasks:
                state = _with_attempt(state, vm_id, reported, elapsed)
    state = _with_published(state, observation.results)
    return _fail_stranded(state, elapsed)


def fail_unfinished(state: RunState, reason: str) -> RunState:
    """Give up every task that has not ended.

    :param reason: one line for the user.
    """
    for task in tuple(state.tasks.values()):
        if not task.state.ended:
            failed = replace(task, state=TaskState.FAILED, reason=reason, infrastructure=True)
            state = with_task(state, failed)
    return state


def _with_attempt(state: RunState, vm_id: str, reported: AttemptStatus, elapsed: float) -> RunState:
    task = state.tasks[reported.task_id]
    known = next((attempt for attempt in task.attempts if attempt.id == reported.attempt_id), None)
    attempt = _updated(known or Attempt(reported.attempt_id, vm_id, reported.state), reported, elapsed)
    if attempt == known:
        return state
    others = tuple(other for other in task.attempts if other.id != attempt.id)
    changed = replace(task, attempts=(*others, attempt), state=_TASK_STATE[attempt.state])
    if attempt.state is AttemptState.FAILED:
        changed = replace(
            changed, reason=_failure(attempt), infrastructure=attempt.exit_code is None or attempt.exit_code == 0
        )
    return with_task(state, changed)


def _updated(attempt: Attempt, reported: AttemptStatus, elapsed: float) -> Attempt:
    running = reported.state not in (AttemptState.QUEUED, AttemptState.STAGING, AttemptState.CANCELLED)
    return replace(
        attempt,
        state=reported.state,
        exit_code=reported.exit_code,
        ran=reported.ran,
        started_at=elapsed if running and attempt.started_at is None else attempt.started_at,
        ended_at=elapsed if reported.state.ended and attempt.ended_at is None else attempt.ended_at,
        files=reported.files,
        error=reported.error,
    )


def _failure(attempt: Attempt) -> str:
    if attempt.exit_code:
        text = f"exit code {attempt.exit_code} on {attempt.vm_id}"
        return f"{text}: {attempt.error}" if attempt.error else text
    return f"could not be run on {attempt.vm_id}: {attempt.error}"


def _with_published(state: RunState, results: Iterable[ActionResult]) -> RunState:
    published = {result.key for result in results if not result.error}
    if not published:
        return state
    for task in tuple(state.tasks.values()):
        if any(f"publish/{attempt.id}" in published for attempt in task.attempts):
            state = with_task(state, replace(task, state=TaskState.FINISHED, reason=""))
    return state


def _fail_stranded(state: RunState, elapsed: float) -> RunState:
    """Fail the tasks of VMs that have ended, except those whose results are in the bucket already."""
    for vm in state.vms.values():
        if not vm.state.ended:
            continue
        what = "was given up" if vm.state is VmState.LOST else "has ended"
        for task_id in vm.task_ids:
            task = state.tasks[task_id]
            if not task.state.ended and not _has_results(task):
                reason = f"{vm.id} {what}: {vm.reason}"
                attempts = tuple(_interrupted(attempt, vm.reason, elapsed) for attempt in task.attempts)
                failed = replace(
                    task, state=TaskState.FAILED, reason=reason, infrastructure=True, attempts=attempts
                )
                state = with_task(state, failed)
    return state


def _has_results(task: TaskRecord) -> bool:
    return any(attempt.state is AttemptState.FINISHED for attempt in task.attempts)


def _interrupted(attempt: Attempt, reason: str, elapsed: float) -> Attempt:
    if attempt.state.ended:
        return attempt
    return replace(attempt, state=AttemptState.CANCELLED, ended_at=elapsed, error=f"interrupted: {reason}")

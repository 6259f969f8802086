"""What the runners' words and the actions' ends make of a task's record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from airflow_provider_hads.control.observation import ActionResult, Observation
from airflow_provider_hads.control.transitions import task_after
from airflow_provider_hads.model.run_state import Attempt, RunState, TaskRecord, TaskState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, VmStatus

__all__ = ["fail_unfinished", "follow_tasks"]

_Tasks = dict[str, TaskRecord]

_TASK_STATE = {
    AttemptState.QUEUED: TaskState.STAGED,
    AttemptState.STAGING: TaskState.RUNNING,
    AttemptState.RUNNING: TaskState.RUNNING,
    AttemptState.UPLOADING: TaskState.RUNNING,
    AttemptState.FINISHED: TaskState.RUNNING,
    AttemptState.FAILED: TaskState.FAILED,
    AttemptState.CANCELLED: TaskState.WAITING,
}

_BEST_FIRST = (TaskState.RUNNING, TaskState.STAGED, TaskState.FAILED, TaskState.WAITING)
"""A task stands where the best of its attempts stands."""


def follow_tasks(state: RunState, observation: Observation, now: datetime) -> RunState:
    """Bring every task's record up to what was observed.

    :param state: the state before, its VMs already up to date.
    :param now: UTC.
    """
    elapsed = state.elapsed(now)
    tasks = dict(state.tasks)
    _take_reports(tasks, observation.statuses, elapsed)
    _take_publications(tasks, observation.results)
    for vm in state.vms.values():
        if vm.state.ended:
            _fail_stranded(tasks, vm, elapsed)
    return replace(state, tasks=tasks)


def fail_unfinished(state: RunState, reason: str) -> RunState:
    """Give up every task that has not ended.

    :param reason: one line for the user.
    """
    return replace(state, tasks={task.id: _given_up(task, reason) for task in state.tasks.values()})


def _given_up(task: TaskRecord, reason: str) -> TaskRecord:
    if task.state.ended:
        return task
    more = f"; {task.reason}" if task.reason else ""
    return replace(task, state=TaskState.FAILED, reason=reason + more, infrastructure=True)


def _take_reports(tasks: _Tasks, statuses: Mapping[str, VmStatus], elapsed: float) -> None:
    changed: _Tasks = {}
    for vm_id, status in statuses.items():
        for reported in status.attempts.values():
            known = changed.get(reported.task_id) or tasks.get(reported.task_id)
            if known is not None:
                changed[known.id] = _with_attempt(known, vm_id, reported, elapsed)
    # Judged when all is known: a failed attempt does not end a task that runs elsewhere.
    for task in changed.values():
        if task is not tasks[task.id]:
            tasks[task.id] = task_after(tasks[task.id], _judged(task))


def _with_attempt(task: TaskRecord, vm_id: str, reported: AttemptStatus, elapsed: float) -> TaskRecord:
    attempts = {attempt.id: attempt for attempt in task.attempts}
    known = attempts.get(reported.attempt_id)
    if known is not None and known.state.ended:
        return task
    attempt = _updated(known or Attempt(reported.attempt_id, vm_id, reported.state), reported, elapsed)
    if attempt == known:
        return task
    attempts[attempt.id] = attempt
    return replace(task, attempts=tuple(attempts.values()))


def _judged(task: TaskRecord) -> TaskRecord:
    """Return the task where its best attempt stands, and why if that is a failure."""
    states = {_TASK_STATE[attempt.state] for attempt in task.attempts}
    task = replace(task, state=next(state for state in _BEST_FIRST if state in states))
    if task.state is not TaskState.FAILED:
        return task
    failed = next(attempt for attempt in task.attempts if attempt.state is AttemptState.FAILED)
    return replace(task, reason=_failure(failed), infrastructure=not failed.exit_code)


def _updated(attempt: Attempt, reported: AttemptStatus, elapsed: float) -> Attempt:
    started = reported.started is not None and attempt.started_at is None
    return replace(
        attempt,
        state=reported.state,
        exit_code=reported.exit_code,
        ran=reported.ran,
        started_at=elapsed if started else attempt.started_at,
        ended_at=elapsed if reported.state.ended else None,
        files=reported.files,
        error=reported.error,
    )


def _failure(attempt: Attempt) -> str:
    if attempt.exit_code:
        told = attempt.error and f"{attempt.error} ({attempt.vm_id})"
        return told or f"exit code {attempt.exit_code} on {attempt.vm_id}"
    return f"could not be run on {attempt.vm_id}: {attempt.error}"


def _take_publications(tasks: _Tasks, results: Iterable[ActionResult]) -> None:
    for result in results:
        kind, _, task_id = result.key.partition("/")
        if kind == "publish" and task_id in tasks:
            tasks[task_id] = _published(tasks[task_id], result.error)


def _published(task: TaskRecord, error: str) -> TaskRecord:
    if task.state.ended:
        return task
    if error:
        return replace(task, reason=f"its results are not published yet: {error}")
    # What the attempts left in the bucket is in the manifest now; the state document is to stay small.
    attempts = tuple(replace(attempt, files=()) for attempt in task.attempts)
    return replace(task, state=TaskState.FINISHED, reason="", attempts=attempts)


def _fail_stranded(tasks: _Tasks, vm: VmRecord, elapsed: float) -> None:
    """Fail the tasks of a VM that has ended, except those whose results are in the bucket already."""
    what = "was given up" if vm.state is VmState.LOST else "has ended"
    for task_id in vm.task_ids:
        task = tasks[task_id]
        if not task.state.ended and not _has_results(task):
            tasks[task_id] = replace(
                task,
                state=TaskState.FAILED,
                reason=f"{vm.id} {what}: {vm.reason}",
                infrastructure=True,
                attempts=tuple(_interrupted(attempt, vm.reason, elapsed) for attempt in task.attempts),
            )


def _has_results(task: TaskRecord) -> bool:
    return any(attempt.state is AttemptState.FINISHED for attempt in task.attempts)


def _interrupted(attempt: Attempt, reason: str, elapsed: float) -> Attempt:
    if attempt.state.ended:
        return attempt
    return replace(attempt, state=AttemptState.CANCELLED, ended_at=elapsed, error=f"interrupted: {reason}")

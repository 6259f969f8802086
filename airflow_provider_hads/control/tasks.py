"""What the runners' words and the actions' ends make of a task's record."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.control.observation import ActionResult
from airflow_provider_hads.control.transitions import task_after
from airflow_provider_hads.model.run_state import Attempt, TaskRecord, TaskState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, VmStatus

__all__ = [
    "drop_attempts",
    "fail_unfinished",
    "go_on",
    "interrupt",
    "judge",
    "stand_still",
    "strand",
    "take_checkpoint",
    "take_publications",
    "take_reports",
]

MOST_TRIES = 5
"""Attempts of one task that may fail for reasons that are not its own."""

_TASK_STATE = {
    AttemptState.QUEUED: TaskState.STAGED,
    AttemptState.STAGING: TaskState.RUNNING,
    AttemptState.RUNNING: TaskState.RUNNING,
    AttemptState.UPLOADING: TaskState.RUNNING,
    AttemptState.FINISHED: TaskState.RUNNING,
    AttemptState.FAILED: TaskState.FAILED,
    AttemptState.CANCELLED: TaskState.WAITING,
}

_BEST_FIRST = (TaskState.RUNNING, TaskState.STAGED, TaskState.FROZEN, TaskState.FAILED, TaskState.WAITING)
"""A task stands where the best of its attempts stands."""


def take_reports(ledger: Ledger, vm_id: str, status: VmStatus, elapsed: float) -> None:
    """Bring the tasks up to date of which a VM has told.

    :param elapsed: seconds since the run's start.
    """
    changed: dict[str, TaskRecord] = {}
    for reported in status.attempts.values():
        known = changed.get(reported.task_id) or ledger.tasks.get(reported.task_id)
        if known is not None:
            changed[known.id] = _with_attempt(known, vm_id, reported, elapsed)
    if ledger.mission is not None:
        _drop_missing(ledger, vm_id, status, changed, elapsed)
    # Judged when all is known: a failed attempt does not end a task that runs elsewhere.
    for task in changed.values():
        if task is not ledger.tasks[task.id]:
            judge(ledger, task)


def _drop_missing(
    ledger: Ledger, vm_id: str, status: VmStatus, changed: dict[str, TaskRecord], elapsed: float
) -> None:
    """Take attempts for ended that their VM does not have: given back, or never heard of.

    The word to it may have been lost with its controller.
    """
    for name, task_id in ledger.work[vm_id].items():
        if (
            name in status.attempts
            or f"assign/{name}" in ledger.pending
            or f"deploy/{vm_id}" in ledger.pending
        ):
            continue
        task = changed.get(task_id) or ledger.tasks[task_id]
        why = "given back" if name in status.stolen else f"{vm_id} does not have it"
        attempts = tuple(_dropped(one, why, elapsed) if one.id == name else one for one in task.attempts)
        changed[task_id] = amended(task, attempts=attempts)


def interrupt(ledger: Ledger, vm_id: str, status: VmStatus, elapsed: float) -> None:
    """Take from a VM what it worked on before a boot: its memory is gone. What still waits there is kept.

    :param status: what it has told after the boot.
    :param elapsed: seconds since the run's start.
    """
    for name, task_id in sorted(ledger.work[vm_id].items()):
        reported = status.attempts.get(name)
        if reported is not None and reported.state in (AttemptState.QUEUED, AttemptState.FINISHED):
            continue
        task = ledger.tasks[task_id]
        why = f"interrupted: {vm_id} came back without its memory"
        attempts = tuple(_dropped(one, why, elapsed) if one.id == name else one for one in task.attempts)
        judge(ledger, amended(task, attempts=attempts))


def stand_still(ledger: Ledger, vm_id: str, elapsed: float) -> None:
    """Note how long a VM's attempts have run, now that nothing runs there any more."""
    _note_running(ledger, vm_id, elapsed, worked=True)


def go_on(ledger: Ledger, vm_id: str, elapsed: float) -> None:
    """Note that a VM's attempts run again, now that it wakes: they have done nothing while it was asleep."""
    _note_running(ledger, vm_id, elapsed, worked=False)


def _note_running(ledger: Ledger, vm_id: str, elapsed: float, *, worked: bool) -> None:
    for task_id in sorted(set(ledger.work[vm_id].values())):
        task = ledger.tasks[task_id]
        attempts = tuple(
            amended(one, ran=one.ran + (elapsed - one.heard_at) * worked, heard_at=elapsed)
            if one.vm_id == vm_id and one.state is AttemptState.RUNNING
            else one
            for one in task.attempts
        )
        ledger.put_task(amended(task, attempts=attempts))


def judge(ledger: Ledger, task: TaskRecord) -> None:
    """Enter a task whose attempts have changed, in the state of its best attempt."""
    known = ledger.tasks[task.id]
    ledger.put_task(task_after(known, _judged(ledger, task)))


def fail_unfinished(ledger: Ledger, reason: str) -> None:
    """Give up every task that has not ended.

    :param reason: one line for the user.
    """
    for task in list(ledger.tasks.values()):
        if not task.state.ended:
            last = next((one.error for one in reversed(task.attempts) if one.error), "")
            more = f"; {task.reason or last}" if task.reason or last else ""
            ledger.put_task(amended(task, state=TaskState.FAILED, reason=reason + more, infrastructure=True))


def take_publications(ledger: Ledger, results: Iterable[ActionResult]) -> None:
    """Bring the tasks up to date whose results have been published, or not."""
    for result in results:
        kind, _, task_id = result.key.partition("/")
        if kind == "publish" and task_id in ledger.tasks:
            ledger.put_task(_published(ledger.tasks[task_id], result.error))


def take_checkpoint(ledger: Ledger, task_id: str, share: float) -> None:
    """Note how much of a task its latest checkpoint keeps."""
    task = ledger.tasks.get(task_id)
    if task is not None and share > task.saved:
        ledger.put_task(amended(task, saved=share))


def strand(ledger: Ledger, vm: VmRecord, elapsed: float) -> None:
    """Take the work from a VM that has ended.

    By a plan that is followed to the letter its tasks fail, but for those whose results are in the bucket
    already; with a mission they wait for another VM.
    """
    if ledger.mission is not None:
        drop_attempts(ledger, vm.id, f"interrupted: {vm.reason}", elapsed)
        return
    what = "was given up" if vm.state is VmState.LOST else "has ended"
    for task_id in vm.task_ids:
        task = ledger.tasks[task_id]
        if not task.state.ended and not _has_results(task):
            ledger.put_task(
                amended(
                    task,
                    state=TaskState.FAILED,
                    reason=f"{vm.id} {what}: {vm.reason}",
                    infrastructure=True,
                    attempts=tuple(
                        _dropped(one, f"interrupted: {vm.reason}", elapsed) for one in task.attempts
                    ),
                )
            )


def drop_attempts(ledger: Ledger, vm_id: str, reason: str, elapsed: float) -> None:
    """Take all attempts of a VM for ended."""
    for task_id in sorted(set(ledger.work[vm_id].values())):
        task = ledger.tasks[task_id]
        attempts = tuple(
            _dropped(one, reason, elapsed) if one.vm_id == vm_id else one for one in task.attempts
        )
        judge(ledger, amended(task, attempts=attempts))


def _dropped(attempt: Attempt, reason: str, elapsed: float) -> Attempt:
    if attempt.state.ended:
        return attempt
    return amended(attempt, state=AttemptState.CANCELLED, ended_at=elapsed, error=reason)


def _with_attempt(task: TaskRecord, vm_id: str, reported: AttemptStatus, elapsed: float) -> TaskRecord:
    place = _place(task, reported.attempt_id)
    if place is None:
        new = _updated(Attempt(reported.attempt_id, vm_id, reported.state), reported, elapsed)
        return amended(task, attempts=(*task.attempts, new), saved=max(task.saved, reported.saved))
    known = task.attempts[place]
    if known.state.ended or _same(known, reported):
        return task
    attempts = (*task.attempts[:place], _updated(known, reported, elapsed), *task.attempts[place + 1 :])
    return amended(task, attempts=attempts, saved=max(task.saved, reported.saved))


def _place(task: TaskRecord, attempt_id: str) -> int | None:
    return next((place for place, one in enumerate(task.attempts) if one.id == attempt_id), None)


def _same(known: Attempt, reported: AttemptStatus) -> bool:
    return known.state is reported.state and known.ran == reported.ran and known.started_at is not None


def _updated(attempt: Attempt, reported: AttemptStatus, elapsed: float) -> Attempt:
    started = reported.started is not None and attempt.started_at is None
    return amended(
        attempt,
        state=reported.state,
        exit_code=reported.exit_code,
        ran=reported.ran,
        heard_at=elapsed,
        started_at=elapsed if started else attempt.started_at,
        ended_at=elapsed if reported.state.ended else None,
        files=reported.files,
        error=reported.error,
    )


def _judged(ledger: Ledger, task: TaskRecord) -> TaskRecord:
    """Return the task where its best attempt stands, and why if that is a failure."""
    excused = ledger.mission is not None and sum(map(_is_excusable, task.attempts)) < MOST_TRIES
    states = {_standing(ledger, attempt, excused=excused) for attempt in task.attempts}
    best = next((state for state in _BEST_FIRST if state in states), TaskState.WAITING)
    if best is not TaskState.FAILED:
        return task if best is task.state else amended(task, state=best)
    failed = next(attempt for attempt in task.attempts if attempt.state is AttemptState.FAILED)
    return amended(task, state=best, reason=_failure(failed), infrastructure=not failed.exit_code)


def _is_excusable(attempt: Attempt) -> bool:
    """Say whether an attempt has failed for reasons that are not its task's own."""
    return attempt.state is AttemptState.FAILED and not attempt.exit_code


def _standing(ledger: Ledger, attempt: Attempt, *, excused: bool) -> TaskState:
    if excused and _is_excusable(attempt):
        return TaskState.WAITING
    if attempt.state.ended:
        return _TASK_STATE[attempt.state]
    vm = ledger.vms.get(attempt.vm_id)
    return TaskState.FROZEN if vm is not None and vm.state.asleep else _TASK_STATE[attempt.state]


def _failure(attempt: Attempt) -> str:
    if attempt.exit_code:
        told = attempt.error and f"{attempt.error} ({attempt.vm_id})"
        return told or f"exit code {attempt.exit_code} on {attempt.vm_id}"
    return f"could not be run on {attempt.vm_id}: {attempt.error}"


def _published(task: TaskRecord, error: str) -> TaskRecord:
    if task.state.ended:
        return task
    if error:
        return amended(task, reason=f"its results are not published yet: {error}")
    # What the attempts left in the bucket is in the manifest now; the state document is to stay small.
    attempts = tuple(amended(attempt, files=()) if attempt.files else attempt for attempt in task.attempts)
    return amended(task, state=TaskState.FINISHED, reason="", attempts=attempts)


def _has_results(task: TaskRecord) -> bool:
    return any(attempt.state is AttemptState.FINISHED for attempt in task.attempts)

"""What changed between two states, in sentences for the log."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_hads.model.run_state import Attempt, RunState, TaskRecord, TaskState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["tell"]


def tell(before: RunState, after: RunState, elapsed: float) -> Iterator[str]:
    """Yield one sentence for each change a user would want to know of.

    :param elapsed: seconds since the run's start, put in front of each sentence.
    """
    for sentence in _changes(before, after):
        yield f"[{elapsed:6.1f} s] {sentence}"


def _changes(before: RunState, after: RunState) -> Iterator[str]:
    for vm in after.vms.values():
        yield from _vm_changes(before.vms.get(vm.id), vm)
    for task in after.tasks.values():
        yield from _task_changes(before.tasks[task.id], task)
    if before.safe_until is not None and after.safe_until is None and not after.ended:
        yield f"Nothing is sure to meet the deadline of {after.deadline:.0f} s any more; going on at best"
    if after.deadline_missed and not before.deadline_missed:
        if after.miss is not None and after.miss.at <= after.deadline:
            yield (
                f"The deadline of {after.deadline:.0f} s can't be met any more: {after.miss.reason}; "
                "going on, as little late as can be"
            )
            return
        open_tasks = sum(not task.state.ended for task in after.tasks.values())
        yield f"The deadline of {after.deadline:.0f} s is missed: {open_tasks} tasks are not done; going on"


def _vm_changes(before: VmRecord | None, after: VmRecord) -> Iterator[str]:
    name = f"{after.id} ({after.instance_type}, {after.market})"
    if before is not None and before.state is after.state:
        yield from _silence_changes(name, before, after)
    elif after.state is VmState.LAUNCHING:
        yield f"{name} is being launched"
    elif after.state is VmState.BOOTING:
        yield f"{name} is {after.instance_id}"
    elif after.state is VmState.READY:
        yield f"{name} answers"
    else:
        yield f"{name} is {after.state.value}: {after.reason}"


def _silence_changes(name: str, before: VmRecord, after: VmRecord) -> Iterator[str]:
    """Tell of a VM that worked and has notice, or has fallen silent; one that boots is expected to."""
    if after.leaves_at is not None:
        if before.leaves_at is None:
            yield f"{name} {after.reason or 'has notice'}"
        return  # its notice stands where the reason of a silence would
    if after.state is VmState.READY and after.reason and not before.reason:
        yield f"{name} does not answer: {after.reason}"
    elif after.state is VmState.READY and before.reason and not after.reason:
        yield f"{name} answers again"


def _task_changes(before: TaskRecord, after: TaskRecord) -> Iterator[str]:
    known = {attempt.id: attempt for attempt in before.attempts}
    for attempt in after.attempts:
        yield from _attempt_changes(after.id, known.get(attempt.id), attempt)
        if not after.state.ended and _fails(known.get(attempt.id), attempt):
            yield f"Task {after.id} could not be run on {attempt.vm_id}, it is tried again: {attempt.error}"
    if before.state is after.state:
        return
    if after.state is TaskState.FINISHED:
        yield f"Task {after.id}: results published"
    elif after.state is TaskState.FAILED:
        yield f"Task {after.id} failed: {after.reason}"


def _attempt_changes(task_id: str, before: Attempt | None, after: Attempt) -> Iterator[str]:
    if (before is None or before.started_at is None) and after.started_at is not None:
        yield f"Task {task_id} started on {after.vm_id}"
    if after.state is AttemptState.FINISHED and (before is None or before.state is not AttemptState.FINISHED):
        yield f"Task {task_id} ended on {after.vm_id} with exit code 0 after {after.ran:.1f} s"


def _fails(before: Attempt | None, after: Attempt) -> bool:
    return after.state is AttemptState.FAILED and (before is None or before.state is not AttemptState.FAILED)

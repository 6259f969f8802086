"""Names of attempts."""

from __future__ import annotations

from airflow_provider_hads.model.run_state import TaskRecord

__all__ = ["attempt_id", "next_number"]


def attempt_id(task_id: str, number: int, generation: int = 0) -> str:
    """Return the id of a task's attempt.

    :param number: counted from 1 within the generation.
    :param generation: how often the run has been cleared.
    """
    return f"{task_id}.{number}" if generation == 0 else f"{task_id}.g{generation}.{number}"


def next_number(task: TaskRecord, generation: int = 0) -> int:
    """Return the number of a task's next attempt; ids are never used twice, for VMs refuse that.

    :param generation: how often the run has been cleared.
    """
    known = {attempt.id for attempt in task.attempts}
    number = len(known) + 1
    while attempt_id(task.id, number, generation) in known:
        number += 1
    return number

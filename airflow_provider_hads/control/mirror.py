"""What one watcher makes of the published snapshot: still waiting, finished, or failed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_hads.control.reasons import explain
from airflow_provider_hads.model.run_state import TaskState

__all__ = ["Mirror", "attempt_lines", "mirror"]


@dataclass(frozen=True)
class Mirror:
    """How a group of tasks stands.

    :param failures: one line for each task that has failed, or that will never end.
    :param waiting: ids of tasks that may still end.
    """

    failures: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def decided(self) -> bool:
        """Whether no task is waited for any more."""
        return not self.waiting


def mirror(task_ids: Sequence[str], tasks: Mapping[str, Any], *, producer_ended: bool) -> Mirror:
    """Say how some tasks stand by the published snapshot.

    :param task_ids: the tasks asked for.
    :param tasks: the snapshot's ``tasks``; empty where nothing has been published yet.
    :param producer_ended: the controller has ended and will publish nothing more; to be looked up *before*
        the snapshot, since the other order takes a task for abandoned that ended in between.
    """
    open_tasks = tuple(task_id for task_id in task_ids if not _ended(tasks.get(task_id)))
    failures = [_failure(task_id, tasks[task_id]) for task_id in _failed(task_ids, tasks)]
    if not producer_ended:
        return Mirror(tuple(failures), open_tasks)
    failures.extend(
        f"Task {task_id} has not ended, and the run's supervise has: see its log." for task_id in open_tasks
    )
    return Mirror(tuple(failures), ())


def attempt_lines(task_id: str, task: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each attempt of a task: where it ran and why there, and how it ended."""
    for attempt in task["attempts"]:
        why = f" ({explain(attempt['reason'])})" if attempt.get("reason") else ""
        words = [f"Task {task_id}, attempt {attempt['id']} on {attempt['vm']}{why}: {attempt['state']}"]
        if attempt["exit_code"] is not None and not attempt["error"]:  # which tells it already
            words.append(f"exit code {attempt['exit_code']}")
        if attempt["ran"] is not None and attempt["started_at"] is not None:
            words.append(f"ran {attempt['ran']:.1f} s")
        if attempt["error"]:
            words.append(attempt["error"])
        yield ", ".join(words)


def _ended(task: Mapping[str, Any] | None) -> bool:
    return task is not None and TaskState(task["state"]).ended


def _failed(task_ids: Iterable[str], tasks: Mapping[str, Any]) -> list[str]:
    failed = TaskState.FAILED.value
    return [task_id for task_id in task_ids if task_id in tasks and tasks[task_id]["state"] == failed]


def _failure(task_id: str, task: Mapping[str, Any]) -> str:
    return f"Task {task_id} failed: {task['reason']}"

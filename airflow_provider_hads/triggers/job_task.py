"""The trigger that waits for tasks of a job; all of a run's triggers share one reader."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hads.control.mirror import mirror
from airflow_provider_hads.triggers.producer import ENDED_STATES, aread_producer

__all__ = ["JobTaskTrigger"]


class JobTaskTrigger(BaseTrigger):
    """
    Fire when tasks of a job have ended, or when ``supervise`` has.

    :param dag_id: the run's DAG.
    :param run_id: the run.
    :param supervise_task_id: task id of the run's supervise.
    :param task_ids: the job's tasks that are waited for.
    :param poll_interval: seconds between two looks at the run.
    """

    def __init__(
        self,
        dag_id: str,
        run_id: str,
        supervise_task_id: str,
        task_ids: list[str],
        poll_interval: float = 5.0,
    ) -> None:
        super().__init__()
        self.dag_id = dag_id
        self.run_id = run_id
        self.supervise_task_id = supervise_task_id
        self.task_ids = task_ids
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments to make it anew."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "dag_id": self.dag_id,
                "run_id": self.run_id,
                "supervise_task_id": self.supervise_task_id,
                "task_ids": self.task_ids,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until no task is waited for any more."""
        reader = _RunReader.of(self.dag_id, self.run_id, self.supervise_task_id)
        while True:
            state, snapshot = await reader.read(self.poll_interval)
            tasks = snapshot.get("tasks", {})
            if mirror(self.task_ids, tasks, producer_ended=state in ENDED_STATES).decided:
                break
            await asyncio.sleep(self.poll_interval)
        own = {task_id: tasks[task_id] for task_id in self.task_ids if task_id in tasks}
        yield TriggerEvent({"producer_state": state, "tasks": own})


class _RunReader:
    """Reads a run at most once an interval, however many triggers ask."""

    _readers: ClassVar[WeakValueDictionary[tuple[str, str, str], _RunReader]] = WeakValueDictionary()

    def __init__(self, key: tuple[str, str, str]) -> None:
        self._key = key
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._seen: tuple[str | None, dict[str, Any]] = (None, {})

    @classmethod
    def of(cls, *key: str) -> _RunReader:
        """Return the reader that the run's triggers share while one of them lives."""
        dag_id, run_id, task_id = key
        reader = cls._readers.get((dag_id, run_id, task_id))
        if reader is None:
            reader = cls._readers[dag_id, run_id, task_id] = cls((dag_id, run_id, task_id))
        return reader

    async def read(self, interval: float) -> tuple[str | None, dict[str, Any]]:
        """Return supervise's state and the snapshot, at most ``interval`` seconds old."""
        async with self._lock:
            if time.monotonic() - self._read_at >= interval:
                self._seen = await aread_producer(*self._key)
                self._read_at = time.monotonic()
            return self._seen

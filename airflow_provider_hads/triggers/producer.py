"""How a watcher reads its producer: the ``supervise`` task's state first, then what it has published."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TaskInstanceState

__all__ = ["ENDED_STATES", "SNAPSHOT_KEY", "aread_producer", "producer_state", "read_producer"]

SNAPSHOT_KEY = "snapshot"
"""XCom key of the snapshot that ``supervise`` publishes."""

ENDED_STATES = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
    }
)
"""States of ``supervise`` after which nothing more is published."""


def producer_state(dag_id: str, run_id: str, task_id: str) -> str | None:
    """Return the task's state in that run; None before it is scheduled."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    state: str | None = states.get(run_id, {}).get(task_id)
    return state


def read_producer(dag_id: str, run_id: str, task_id: str) -> tuple[str | None, dict[str, Any]]:
    """Return the task's state and, read after it, the snapshot (empty where there is none yet)."""
    from airflow.sdk.execution_time.xcom import XCom

    state = producer_state(dag_id, run_id, task_id)
    found = XCom.get_one(key=SNAPSHOT_KEY, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=-1)
    return state, found or {}


async def aread_producer(dag_id: str, run_id: str, task_id: str) -> tuple[str | None, dict[str, Any]]:
    """Do as :func:`read_producer` does, in the triggerer."""
    from airflow.sdk.execution_time.xcom import XCom
    from asgiref.sync import sync_to_async

    state = await sync_to_async(producer_state)(dag_id, run_id, task_id)
    found = await XCom.aget_one(key=SNAPSHOT_KEY, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=-1)
    return state, found or {}

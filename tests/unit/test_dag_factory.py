"""What the generated DAG says of its tasks, before anything runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import DAG, TriggerRule

from airflow_provider_hads.dag_factory import build_job_dag

EXAMPLE = Path(__file__).parents[2] / "dags" / "jobs" / "example"


@pytest.fixture(scope="module")
def dag() -> DAG:
    return build_job_dag(EXAMPLE)


def test_supervise_has_many_quick_tries(dag: DAG) -> None:
    supervise = dag.get_task("supervise")

    assert supervise.retries == 20
    assert supervise.retry_delay == timedelta(seconds=5)
    assert supervise.trigger_rule == TriggerRule.ALL_DONE


def test_watchers_come_after_all_that_keeps_the_run_going(dag: DAG) -> None:
    weights = {task.task_id: task.priority_weight for task in dag.tasks if task.task_id != "launched"}

    assert {task_id for task_id, weight in weights.items() if weight == 1} == {"task"}
    assert min(weight for task_id, weight in weights.items() if task_id != "task") == 1000


def test_open_run_is_the_only_setup_and_what_ends_a_run_are_teardowns(dag: DAG) -> None:
    assert [task.task_id for task in dag.tasks if task.is_setup] == ["open_run"]
    assert sorted(task.task_id for task in dag.tasks if task.is_teardown) == ["report", "terminate"]


def test_no_time_limit_of_the_run_can_skip_its_teardowns(dag: DAG) -> None:
    assert dag.dagrun_timeout is None

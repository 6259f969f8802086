"""A watcher between two looks: it comes back, waits in the triggerer, or has waited long enough."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_hads.sensors import job_task
from airflow_provider_hads.sensors.job_task import JobTaskSensor


class TaskInstance:
    """As much of a task instance as a sensor asks for."""

    dag_id, run_id = "job", "run"

    def __init__(self, waiting_since: datetime) -> None:
        self._waiting_since = waiting_since

    def get_first_reschedule_date(self, context: Any) -> datetime:
        return self._waiting_since


def look(monkeypatch: pytest.MonkeyPatch, *, supervise: str, waited: float, deferrable: bool = False) -> None:
    """Let a watcher with a time-out of an hour look at a run of which nothing is published yet."""
    monkeypatch.setattr(job_task, "read_producer", lambda *_: (supervise, {}))
    sensor = JobTaskSensor(task_id="task", run={}, task_ids=["a"], timeout=3600, deferrable=deferrable)
    since = datetime.now(timezone.utc) - timedelta(seconds=waited)
    context: Any = {"ti": TaskInstance(since)}
    sensor.execute(context)


def test_a_task_that_goes_on_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowRescheduleException):
        look(monkeypatch, supervise="running", waited=10)


def test_its_wait_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSensorTimeout):
        look(monkeypatch, supervise="queued", waited=3601)


def test_it_waits_in_the_triggerer_only_while_supervise_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TaskDeferred) as deferral:
        look(monkeypatch, supervise="running", waited=10, deferrable=True)
    with pytest.raises(AirflowRescheduleException):
        look(monkeypatch, supervise="queued", waited=10, deferrable=True)

    assert deferral.value.timeout == timedelta(hours=1)

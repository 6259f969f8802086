"""A watcher between two looks: it comes back, waits in the triggerer, or has waited long enough."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    TaskDeferred,
)

from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.sensors import job_task
from airflow_provider_hads.sensors.job_task import JobTaskSensor


class TaskInstance:
    """As much of a task instance as a sensor asks for."""

    dag_id, run_id = "job", "run"

    def __init__(self, waiting_since: datetime) -> None:
        self._waiting_since = waiting_since

    def get_first_reschedule_date(self, context: Any) -> datetime:
        return self._waiting_since


NOW = datetime.now(timezone.utc)
RUN = RunContext(RunIdentity("7", 0, "uid", "bucket"), 1, NOW, deadline=60, margin=10, boot_timeout=10)
FINISHED = {"a": {"state": "finished", "reason": "", "infrastructure": False, "attempts": []}}


def look(
    monkeypatch: pytest.MonkeyPatch,
    *,
    supervise: str | None,
    waited: float = 0,
    deferrable: bool = False,
    snapshot: Mapping[str, Any] | None = None,
) -> None:
    """Let a watcher with a time-out of an hour look at a run; nothing is published yet by default."""
    monkeypatch.setattr(job_task, "read_producer", lambda *_: (supervise, snapshot or {}))
    run = RUN.to_xcom()
    sensor = JobTaskSensor(task_id="task", run=run, task_ids=["a"], timeout=3600, deferrable=deferrable)
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


def test_it_ends_with_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch, supervise="running", snapshot={"generation": 1, "tasks": FINISHED})


@pytest.mark.parametrize("supervise", ["queued", "up_for_retry", None])
def test_what_was_published_before_the_run_was_cleared_does_not_count(
    monkeypatch: pytest.MonkeyPatch, supervise: str | None
) -> None:
    with pytest.raises(AirflowRescheduleException):
        look(monkeypatch, supervise=supervise, snapshot={"generation": 0, "tasks": FINISHED})


def test_a_task_that_is_cleared_alone_shows_once_more_how_it_went(monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch, supervise="success", snapshot={"generation": 0, "tasks": FINISHED})


def test_and_where_it_failed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"a": {**FINISHED["a"], "state": "failed", "reason": "exit code 1"}}

    with pytest.raises(AirflowFailException, match="exit code 1\\nTo run what .*, clear supervise"):
        look(monkeypatch, supervise="success", snapshot={"generation": 0, "tasks": failed})


def test_no_default_of_the_deployment_ends_the_wait() -> None:
    sensor = JobTaskSensor(task_id="task", run=RUN.to_xcom(), task_ids=["a"])

    assert timedelta(seconds=sensor.timeout) > timedelta(days=30 * 365)

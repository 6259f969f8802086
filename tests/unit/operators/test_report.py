"""What the report's task reads, and what it does without."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_hads.control.report import render_report
from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.operators.report import ReportOperator
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.runtime.workshop import Workshop
from airflow_provider_hads.triggers import producer

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
RUN = RunContext(RunIdentity("7", 0, "uid", "bucket"), 0, NOW, deadline=60, margin=10, boot_timeout=10)


def decision(at: float) -> dict[str, Any]:
    return {"at": at, "action": "terminate", "vm": "vm-0", "attempt": "", "reason": "vm-idle"}


SNAPSHOT = {"decisions": [decision(100.0)], "decided": {"vm-idle": 101}}


def made(
    monkeypatch: pytest.MonkeyPatch, read: Any = dict, supervise: str | None = TaskInstanceState.SUCCESS
) -> list[dict[str, Any]]:
    """Make the report, and return what was saved.

    :param read: reads the decisions that are kept in the bucket.
    :param supervise: its state.
    """
    saved: list[dict[str, Any]] = []
    monkeypatch.setattr(Workshop, "decisions", SimpleNamespace(read=read))
    monkeypatch.setattr(Workshop, "save_report", lambda _, report: saved.append(report))
    monkeypatch.setattr(producer, "producer_state", lambda *_: supervise)
    context: Any = {"ti": SimpleNamespace(dag_id="job", run_id="manual__1")}
    assert ReportOperator(task_id="report", run=RUN.to_xcom(), snapshot=SNAPSHOT).execute(context) == saved[0]
    return saved


def test_the_report_has_the_decisions_that_the_snapshot_has_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    [report] = made(monkeypatch, lambda: {0: [decision(float(number)) for number in range(100)]})

    assert [one["at"] for one in report["decisions"]] == [*range(101)]


def test_without_the_bucket_there_is_a_report_of_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise StorageError("Bucket bucket: could not list it")

    [report] = made(monkeypatch, fail)

    assert [one["at"] for one in report["decisions"]] == [100.0]
    assert "100 of these are not told one by one" in render_report(report)


@pytest.mark.parametrize(
    ("supervise", "why"),
    [
        ("failed", r"supervise has not succeeded \(failed\): see its log"),
        ("upstream_failed", "supervise has not succeeded"),
        ("skipped", "The run was ended while supervise was not at work"),
        (None, "supervise has not succeeded"),
    ],
)
def test_without_a_supervise_that_has_succeeded_the_run_has_failed(
    monkeypatch: pytest.MonkeyPatch, supervise: str | None, why: str
) -> None:
    with pytest.raises(AirflowFailException, match=why):
        made(monkeypatch, supervise=supervise)

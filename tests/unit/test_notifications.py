"""Who is told of what, and what happens where a notifier fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier

from airflow_provider_hads.dag_factory import build_job_dag
from airflow_provider_hads.deadline_reference import RunDeadline
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.notifications import NotifierChoice, notify, read_notifiers, tell_of_deadline

EXAMPLE = Path(__file__).parents[2] / "dags" / "jobs" / "example"
RUN = {"dag_id": "sweep", "dag_run_id": "manual__1"}


class FileNotifier(BaseNotifier):
    """Appends a line to a file."""

    template_fields: Sequence[str] = ("line",)

    def __init__(self, path: str, line: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.line = line

    def notify(self, context: Any) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"{self.line}\n")


class AsyncFileNotifier(FileNotifier):
    """Does so in the triggerer too."""

    async def async_notify(self, context: Any) -> None:
        self.notify(context)


class BrokenNotifier(BaseNotifier):
    """Has no way to tell anybody anything."""

    def notify(self, context: Any) -> None:
        raise ConnectionError("no network")


def choice(notifier: type[BaseNotifier], *events: str, **kwargs: str) -> NotifierChoice:
    return NotifierChoice(f"{__name__}.{notifier.__name__}", kwargs, events)


def context() -> Any:
    return {"ti": SimpleNamespace(dag_id="sweep", run_id="manual__1")}


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.txt"


def test_those_of_the_event_are_told_and_templates_know_what_has_happened(told: Path) -> None:
    line = "{{ hads.event }}: {{ hads.text }} ({{ hads.run_id }}, {{ hads.deadline }} s)"
    choices = [
        choice(FileNotifier, "miss", "end", path=str(told), line=line),
        choice(FileNotifier, "end", path=str(told), line="never"),
    ]

    notify(choices, "miss", context(), "the deadline can't be met", deadline=60)

    assert told.read_text() == "miss: the deadline can't be met (manual__1, 60 s)\n"


def test_one_that_fails_stops_neither_the_run_nor_the_others(
    told: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choices = [
        NotifierChoice("no.such.Notifier", {}, ("end",)),
        choice(BrokenNotifier, "end"),
        choice(FileNotifier, "end", path=str(told), line="{{ hads.text }}"),
    ]

    notify(choices, "end", context(), "done")

    assert told.read_text() == "done\n"
    assert "The notifier no.such.Notifier has failed" in caplog.text
    assert "no network" in caplog.text


@pytest.mark.parametrize("notifier", [FileNotifier, AsyncFileNotifier])
def test_the_triggerer_tells_through_notifiers_that_block_and_that_do_not(
    told: Path, notifier: type[BaseNotifier]
) -> None:
    entry = {
        "classpath": f"{__name__}.{notifier.__name__}",
        "kwargs": {"path": str(told), "line": "{{ hads.text }}"},
    }

    asyncio.run(tell_of_deadline([entry], {"dag_run": RUN, "deadline": {}}))

    assert told.read_text() == "Run manual__1 of sweep has not ended by its deadline\n"


def test_the_configuration_is_read() -> None:
    text = '[{"classpath": "a.B", "kwargs": {"to": "me"}, "events": ["end"]}, {"classpath": "a.C"}]'

    assert read_notifiers(text) == (
        NotifierChoice("a.B", {"to": "me"}, ["end"]),
        NotifierChoice("a.C", {}, ("deadline", "miss", "end")),
    )
    assert read_notifiers("") == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a.B", "give a JSON list"),
        ('[{"kwargs": {}}]', "classpath"),
        ('[{"classpath": "a.B", "when": "end"}]', "when"),
        ('[{"classpath": "a.B", "events": ["start"]}]', "there is no event 'start'"),
        ('[{"classpath": "a.B", "events": "miss"}]', 'events "miss" of a.B is no list'),
        ('[{"classpath": "a.B", "events": 1}]', "events 1 of a.B is no list"),
        ('[{"classpath": "a.B", "events": [["miss"]]}]', r"there is no event \['miss'\]"),
        ('[{"classpath": "a.B", "kwargs": "to"}]', 'kwargs "to" of a.B is no object'),
        ('[{"classpath": 1}]', "classpath 1 names no class"),
        ('[{"classpath": "Notifier"}]', 'classpath "Notifier" names no class'),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_with_what_to_give(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as refusal:
        read_notifiers(text)

    assert str(refusal.value).startswith("airflow.cfg: hads.notifiers: ")


def test_a_generated_dag_has_an_alert_at_its_runs_own_deadline() -> None:
    dag = build_job_dag(EXAMPLE, notifiers=[choice(FileNotifier, path="p", line="l")])
    assert dag.deadline is None  # no event was asked for

    dag = build_job_dag(EXAMPLE, notifiers=[choice(FileNotifier, "deadline", path="p", line="l")])
    assert isinstance(dag.deadline, list)
    (alert,) = dag.deadline

    assert alert.interval == timedelta(0)
    assert alert.callback.path == "airflow_provider_hads.notifications.tell_of_deadline"
    assert json.loads(json.dumps(alert.callback.kwargs))["notifiers"][0]["kwargs"]["path"] == "p"
    assert alert.reference.serialize_reference() == {
        "reference_type": "RunDeadline",
        "default_seconds": 200.0,
    }


@pytest.mark.parametrize(
    ("default", "conf", "seconds"),
    [
        (200.0, None, 200.0),
        (200.0, {}, 200.0),
        (200.0, {"deadline_seconds": 60}, 60.0),
        (None, {"deadline_seconds": "60"}, 60.0),
        (None, {}, None),
        (200.0, {"deadline_seconds": "soon"}, 200.0),
    ],
)
def test_a_runs_deadline_is_what_it_was_triggered_with(
    default: float | None, conf: dict[str, Any] | None, seconds: float | None
) -> None:
    assert RunDeadline.deserialize_reference({"default_seconds": default}).seconds_of(conf) == seconds


class Session:
    """As much of a database session as the reference asks for."""

    def __init__(self, dag_run: Any) -> None:
        self._dag_run = dag_run

    def scalar(self, query: object) -> Any:
        return self._dag_run


def test_it_counts_from_when_the_run_was_queued() -> None:
    queued = datetime(2025, 1, 1, tzinfo=timezone.utc)
    run = SimpleNamespace(conf={"deadline_seconds": 60}, queued_at=queued, run_after=None)
    evaluate: Any = RunDeadline(None)._evaluate_with

    found = evaluate(session=Session(run), dag_id="sweep", run_id="manual__1")

    assert found == queued + timedelta(seconds=60)
    assert evaluate(session=Session(None), dag_id="sweep", run_id="gone") is None


def test_a_deadline_beyond_all_dates_does_not_fail_the_scheduler() -> None:
    queued = datetime(2025, 1, 1, tzinfo=timezone.utc)
    run = SimpleNamespace(conf={"deadline_seconds": 1e300}, queued_at=queued, run_after=None)
    evaluate: Any = RunDeadline(None)._evaluate_with

    assert evaluate(session=Session(run), dag_id="sweep", run_id="manual__1") is None

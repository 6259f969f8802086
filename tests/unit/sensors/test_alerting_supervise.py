"""People are told of a miss once, whatever becomes of the controller's task."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.notifications import NotifierChoice
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.sensors.alerting_supervise import AlertingSuperviseSensor
from airflow_provider_hads.sensors.supervise import SuperviseSensor
from tests.support.control_examples import run_state

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
RUN = RunContext(RunIdentity("7", 0, "uid", "bucket"), 0, NOW, deadline=60, margin=10, boot_timeout=10)
ON_TIME = run_state({"vm-0": ["a"]})
LATE = replace(ON_TIME, deadline_missed=True)
TEXT = f"Run 7_0: the deadline, {LATE.deadline:.0f} s, can't be met\n"


class Told:
    """One try of the task after the other, and the file into which a notifier writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: dict[str, Any] = {}

    def step(self, state: Any, generation: int = 0) -> None:
        """Make one step, in a try of its own, after which the run is in a state."""
        line = {"path": str(self.path), "line": "{{ hads.text }}"}
        choice = NotifierChoice("tests.support.file_notifier.FileNotifier", line, ("miss",))
        run = replace(RUN, generation=generation).to_xcom()
        sensor = AlertingSuperviseSensor(task_id="supervise", run=run, vms=[], notifiers=[choice])
        supervisor: Any = SimpleNamespace(state=state)
        sensor._supervisor = supervisor
        store = SimpleNamespace(get=self.store.get, set=self.store.__setitem__)
        context: Any = {"ti": SimpleNamespace(dag_id="job", run_id="run"), "task_state_store": store}
        sensor.poke(context)

    def text(self) -> str:
        return self.path.read_text() if self.path.exists() else ""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(SuperviseSensor, "poke", lambda *_: PokeReturnValue(is_done=False))
    return Told(tmp_path / "told.txt")


def test_a_run_that_is_in_time_is_nothing_to_tell_of(told: Told) -> None:
    told.step(ON_TIME)

    assert told.text() == ""


def test_a_miss_is_told_once_also_by_another_try(told: Told) -> None:
    for _ in range(3):
        told.step(LATE)

    assert told.text() == TEXT


def test_after_the_run_was_cleared_it_is_told_anew(told: Told) -> None:
    told.step(LATE)
    told.step(LATE, generation=1)

    assert told.text() == TEXT * 2


def test_it_is_told_also_where_the_step_fails_the_task(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AirflowFailException("1 tasks could not be run")

    monkeypatch.setattr(SuperviseSensor, "poke", fail)

    with pytest.raises(AirflowFailException, match="1 tasks could not be run"):
        told.step(LATE)

    assert told.text() == TEXT

"""How a try of ``supervise`` begins: by what settings it looks, and which errors end it for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_hads.control import Reason, TerminateVm
from airflow_provider_hads.control.decisions import with_decisions
from airflow_provider_hads.exceptions import ControlEnded, EpochRefused, StorageError
from airflow_provider_hads.model import Environment, Job, Task
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.run_state import Decision, RunState
from airflow_provider_hads.model.settings import CommunicationSettings, SchedulerSettings, Settings
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.runtime.workshop import RunInputs, Workshop
from airflow_provider_hads.sensors import supervise
from airflow_provider_hads.sensors.supervise import SuperviseSensor
from tests.support.control_examples import run_state

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
RUN = RunContext(RunIdentity("7", 0, "uid", "bucket"), 0, NOW, deadline=60, margin=10, boot_timeout=10)
JOB = Job("7", "", {"a": Task("a", "true", 100, {"small": 20})})


class Begun(Exception):
    """The supervisor was made."""


def begin(monkeypatch: pytest.MonkeyPatch, settings: Settings, **parts: Any) -> None:
    """Begin a try of a run with these settings.

    :param parts: of the workshop, instead of its own.
    """
    begin_with({}, monkeypatch, settings, **parts)


def context_of(store: dict[str, Any], state: str = "running") -> Any:
    """Return a try's context, with what its task state store has, and what Airflow takes the task for."""

    def get_task_states(dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {"run": {"supervise": state}} if (dag_id, task_ids) == ("job", ["supervise"]) else {}

    task = SimpleNamespace(dag_id="job", task_id="supervise", run_id="run", get_task_states=get_task_states)
    return {"task_state_store": SimpleNamespace(get=store.get, set=store.__setitem__), "ti": task}


def begin_with(
    store: dict[str, Any], monkeypatch: pytest.MonkeyPatch, settings: Settings, **parts: Any
) -> None:
    """Begin a try that finds that in the task state store."""
    inputs = RunInputs(JOB, Environment({}, {}), None, settings)
    for name, part in {"inputs": inputs, **parts}.items():
        monkeypatch.setattr(Workshop, name, part)
    sensor = SuperviseSensor(task_id="supervise", run=RUN.to_xcom(), vms=[], policy="follow-plan")
    sensor.execute(context_of(store))


@pytest.mark.parametrize(("given", "used"), [(3600.0, 60.0), (2.0, 2.0)])
def test_vms_are_looked_at_in_time_whatever_is_given(
    monkeypatch: pytest.MonkeyPatch, given: float, used: float
) -> None:
    intervals: list[float] = []

    def made(*_: object, interval: float, **__: object) -> None:
        intervals.append(interval)
        raise Begun

    monkeypatch.setattr(supervise, "Supervisor", made)
    parts: Mapping[str, None] = dict.fromkeys(("fleet", "vms", "results", "orders", "events"))
    settings = Settings(scheduler=replace(SchedulerSettings(), status_update_time=given))

    with pytest.raises(Begun):
        begin(monkeypatch, settings, **parts)

    assert intervals == [used]


def test_decisions_of_a_saved_state_are_kept_in_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Event()
    kept: list[tuple[int, int]] = []

    def keep(_: Workshop, first: int, decisions: Sequence[Decision]) -> None:
        kept.append((first, len(decisions)))
        written.set()

    def made(state: RunState, *, save: Callable[[RunState], None], **_: object) -> None:
        save(with_decisions(state, [TerminateVm("vm-0", Reason.VM_IDLE)] * 150, 1))
        assert written.wait(5)
        raise Begun

    monkeypatch.setattr(supervise, "Supervisor", made)
    parts: Mapping[str, None] = dict.fromkeys(("fleet", "vms", "results", "orders", "events"))

    with pytest.raises(Begun):
        begin(monkeypatch, Settings(), keep_decisions=keep, **parts)

    assert kept == [(0, 100)]


def test_a_private_key_that_is_missing_fails_at_once_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = CommunicationSettings(key_path=str(tmp_path), key_file="batch.pem")

    with pytest.raises(AirflowFailException) as caught:
        begin(monkeypatch, Settings(communication=said))

    assert str(caught.value) == (
        f"The private key of {tmp_path}/batch.pem can't be read: "
        f"[Errno 2] No such file or directory: '{tmp_path}/batch.pem'; "
        "every worker needs one, by key_path and key_file in setup.cfg or by the SSH connection"
    )


def test_a_private_key_in_the_connection_that_is_none_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = '{"conn_type": "ssh", "extra": {"private_key": "no\\nkey"}}'
    monkeypatch.setenv("AIRFLOW_CONN_SSH_DEFAULT", connection)

    with pytest.raises(
        AirflowFailException, match="The private key of connection 'ssh_default' can't be read"
    ):
        begin(monkeypatch, Settings())


def test_a_bucket_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Workshop) -> Any:
        raise StorageError("Bucket bucket: could not read it")

    with pytest.raises(StorageError):
        begin(monkeypatch, Settings(), results=property(fail), fleet=None, vms=None)


def test_a_try_has_stored_its_state_before_it_can_be_asked_whether_it_is_in_charge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store: dict[str, Any] = {}
    asked: list[Callable[[], None]] = []

    def made(*_: object, confirm: Callable[[], None], **__: object) -> None:
        asked.append(confirm)
        raise Begun

    monkeypatch.setattr(supervise, "Supervisor", made)
    parts: Mapping[str, None] = dict.fromkeys(("fleet", "vms", "results", "orders", "events"))
    for _ in range(2):
        with pytest.raises(Begun):
            begin_with(store, monkeypatch, Settings(), **parts)

    older, newer = asked
    newer()
    with pytest.raises(EpochRefused, match="epoch 1 has been followed by 2"):
        older()


def test_a_try_that_no_longer_finds_what_it_has_stored_is_not_in_charge() -> None:
    """By the id of a task instance that Airflow has begun anew, its task state store finds nothing."""
    with pytest.raises(
        EpochRefused, match="what epoch 3 has stored is gone; see the later tries of this task"
    ):
        supervise._confirm(context_of({}), 3)


@pytest.mark.parametrize("state", ["failed", "success", "restarting"])
def test_a_try_whose_run_was_ended_is_not_in_charge(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    stored: dict[str, Any] = {}
    parts: Mapping[str, None] = dict.fromkeys(("fleet", "vms", "results", "orders", "events"))
    monkeypatch.setattr(supervise, "Supervisor", raise_begun)
    with pytest.raises(Begun):
        begin_with(stored, monkeypatch, Settings(), **parts)

    supervise._confirm(context_of(stored), 1)
    with pytest.raises(ControlEnded, match=f"Airflow has this task as {state}"):
        supervise._confirm(context_of(stored, state), 1)


def test_a_try_that_is_told_to_end_makes_no_further_step_and_can_be_tried_again() -> None:
    sensor = SuperviseSensor(task_id="supervise", run=RUN.to_xcom(), vms=[])
    steps = iter([False])
    supervisor: Any = SimpleNamespace(step=lambda: next(steps), state=run_state({}))
    sensor._supervisor = supervisor
    context = context_of({})
    context["ti"].xcom_push = lambda **_: None
    sensor.poke(context)

    sensor.on_kill()

    with pytest.raises(AirflowException, match="Told to end") as caught:
        sensor.poke(context)
    assert not isinstance(caught.value, AirflowFailException)


def raise_begun(*_: object, **__: object) -> None:
    raise Begun

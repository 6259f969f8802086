"""What the operators and the sensor for hand-written DAGs refuse, wait for and hand on."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator, TaskInstanceState
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.triggers.base import BaseTrigger

from airflow_provider_hads import operators, sensors
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.operators import (
    DockerTaskOperator,
    MigrateTasksOperator,
    ProvisionVmOperator,
    TerminateFleetOperator,
)
from airflow_provider_hads.runtime.blocks.interruptions import InterruptionEvent
from airflow_provider_hads.runtime.blocks.sensing import InterruptionSense
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.sensors import SpotInterruptionSensor
from airflow_provider_hads.triggers import spot_interruption
from airflow_provider_hads.triggers.docker_task import DockerTaskTrigger
from airflow_provider_hads.triggers.spot_interruption import SpotInterruptionTrigger, all_ended
from airflow_provider_hads.triggers.vm_ready import VmReadyTrigger

RUN = RunIdentity("sweep", 0, "uid", "bucket")
SPOT = VmHandle(RUN, "spot", "i-1", "c5.large", Market.SPOT, True, 2, 4096.0, "ubuntu").to_xcom()
NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
RUNNING, SUCCESS = TaskInstanceState.RUNNING, TaskInstanceState.SUCCESS
FOUND = InterruptionEvent("hibernated", "spot", "i-1", "no capacity", "describe")


def context() -> Any:
    return {
        "ti": SimpleNamespace(dag_id="sweep", run_id="manual__1", task_id="work", map_index=-1),
        "dag_run": SimpleNamespace(dag_id="sweep", run_id="manual__1", run_after=NOW),
    }


@pytest.mark.parametrize("name", [*operators.__all__, *sensors.__all__])
def test_each_public_name_is_an_operator_whose_template_fields_are_its_arguments(name: str) -> None:
    kind = getattr(operators, name, None) or getattr(sensors, name)

    assert issubclass(kind, BaseOperator)
    assert ":param" in str(kind.__doc__)
    assert "aws_conn_id" in kind.template_fields
    for field in kind.template_fields:
        assert f":param {field}:" in kind.__doc__, field


TRIGGERS: list[BaseTrigger] = [
    VmReadyTrigger(SPOT, "aws", until=1.0),
    DockerTaskTrigger(SPOT, "task", "aws", "ssh", patience=5.0, until=1.0),
    SpotInterruptionTrigger([SPOT], ["hibernated"], "aws", None, "sweep", "manual__1", ["work"]),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_a_trigger_can_be_made_anew(trigger: BaseTrigger) -> None:
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")

    again = getattr(import_module(module), name)(**arguments)

    assert again.serialize() == (path, arguments)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"market": "cheap"}, "task: market: 'cheap' is none: give spot or on-demand"),
        ({"vm_name": "../etc"}, "task: vm_name: '../etc' is not right"),
        ({}, "task: bucket: no bucket is named"),
    ],
)
def test_a_vm_that_can_not_be_is_refused_without_another_try(wrong: dict[str, Any], problem: str) -> None:
    given: dict[str, Any] = {"vm_name": "spot", "instance_type": "c5.large", **wrong}

    with pytest.raises(AirflowFailException, match=problem):
        ProvisionVmOperator(task_id="vm", **given).execute(context())


@pytest.mark.parametrize(
    "operator",
    [
        DockerTaskOperator(task_id="work", vm="i-1", command="true", image="synthetic"),
        MigrateTasksOperator(task_id="migrate", source=None, target=SPOT),
    ],
    ids=lambda operator: operator.task_id,
)
def test_what_is_no_vm_is_refused(operator: BaseOperator) -> None:
    with pytest.raises(AirflowFailException, match="give what a ProvisionVmOperator returns"):
        operator.execute(context())


def test_nor_is_it_watched() -> None:
    with pytest.raises(AirflowFailException, match="give what a ProvisionVmOperator returns"):
        SpotInterruptionSensor(task_id="sense", vms=["i-1"]).poke(context())


def test_tasks_move_to_another_vm_only() -> None:
    with pytest.raises(AirflowFailException, match="spot is no other VM of the same run"):
        MigrateTasksOperator(task_id="migrate", source=SPOT, target=SPOT).execute(context())


def test_a_fleet_needs_a_bucket_to_be_found() -> None:
    with pytest.raises(AirflowFailException, match="no bucket is named"):
        TerminateFleetOperator(task_id="terminate").execute(context())


def sensor(**arguments: Any) -> SpotInterruptionSensor:
    return SpotInterruptionSensor(task_id="sense", vms=[SPOT], while_running=["work"], **arguments)


def looked(monkeypatch: pytest.MonkeyPatch, found: object, *states: str | None) -> None:
    """What a sensor sees: an interruption or an error, and the states of the tasks it watches."""

    def look(sense: InterruptionSense, **_: object) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(InterruptionSense, "look", look)
    monkeypatch.setattr(spot_interruption, "states_of", lambda *_: list(states))


def test_an_interruption_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    looked(monkeypatch, FOUND, RUNNING)

    seen = sensor(deferrable=True).poke(context())

    assert (seen.is_done, seen.xcom_value) == (True, FOUND.to_xcom())


def test_so_does_the_end_of_what_it_watches_over(monkeypatch: pytest.MonkeyPatch) -> None:
    looked(monkeypatch, None, SUCCESS)

    seen = sensor(deferrable=True).poke(context())

    assert (seen.is_done, seen.xcom_value) == (True, {})


def test_it_waits_in_the_triggerer_while_there_is_something_to_watch_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked(monkeypatch, None, None, RUNNING)

    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).poke(context())

    assert isinstance(deferred.value.trigger, SpotInterruptionTrigger)
    assert deferred.value.timeout is not None


@pytest.mark.parametrize("deferrable", [True, False])
def test_in_one_process_it_comes_back_instead(monkeypatch: pytest.MonkeyPatch, deferrable: bool) -> None:
    """There the tasks would never begin while a trigger waits for them."""
    looked(monkeypatch, None, None, None)

    assert sensor(deferrable=deferrable).poke(context()).is_done is False


def test_a_cloud_that_does_not_tell_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked(monkeypatch, CloudError("RequestLimitExceeded"), RUNNING)

    assert sensor(deferrable=False).poke(context()).is_done is False


def test_all_that_is_watched_must_have_ended() -> None:
    assert all_ended([SUCCESS, TaskInstanceState.FAILED])
    assert not all_ended([SUCCESS, None])
    assert not all_ended([])


def test_a_wait_that_was_in_vain_fails_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    work = DockerTaskOperator(task_id="work", vm=SPOT, command="true", image="synthetic")
    monkeypatch.setattr(DockerTaskOperator, "_toolbox", lambda *_: NoTickets())
    event = {"attempt": None, "problem": "attempt work.1 was astray for 5 s", "late": False}

    with pytest.raises(AirflowException, match="attempt work.1 was astray for 5 s"):
        work.execute_complete(context(), event)


class NoTickets:
    """A toolbox whose run has no tickets."""

    tickets = SimpleNamespace(latest=lambda _: None)

    def close(self) -> None:
        """There is nothing to close."""

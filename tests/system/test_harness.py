"""The tests' own Airflow works, without anything of the provider: where this fails, look here first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest
from tests.system.deployment import AirflowDeployment

DAGS = ROOT / "tests" / "system" / "dags"


@pytest.fixture(scope="module")
def bare_deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowDeployment]:
    with AirflowDeployment(tmp_path_factory.mktemp("airflow"), DAGS) as running:
        yield running


def test_a_triggered_run_succeeds_and_its_log_and_xcom_can_be_read(
    bare_deployment: AirflowDeployment,
) -> None:
    bare_deployment.wait_for_dag("greeting")
    api = bare_deployment.api

    run_id = api.trigger("greeting", {"name": "fleet"})

    assert bare_deployment.wait_for_end("greeting", run_id) == "success"
    assert api.task_states("greeting", run_id) == {("greet", -1): "success"}
    assert "Hello, fleet" in api.task_log("greeting", run_id, "greet")
    assert api.xcom("greeting", run_id, "greet") == "Hello, fleet"


def test_a_run_can_be_marked_failed(bare_deployment: AirflowDeployment) -> None:
    bare_deployment.wait_for_dag("greeting")
    api = bare_deployment.api
    run_id = api.trigger("greeting", {"seconds": 60})
    bare_deployment.wait_for(
        "the task at work", lambda: api.task_states("greeting", run_id) == {("greet", -1): "running"}
    )

    api.set_run_state("greeting", run_id, "failed")

    assert bare_deployment.wait_for_end("greeting", run_id) == "failed"
    assert api.task_states("greeting", run_id) == {("greet", -1): "failed"}


def test_a_cleared_task_runs_again(bare_deployment: AirflowDeployment) -> None:
    bare_deployment.wait_for_dag("greeting")
    api = bare_deployment.api
    run_id = api.trigger("greeting")
    bare_deployment.wait_for_end("greeting", run_id)

    api.clear("greeting", run_id, ["greet"])

    bare_deployment.wait_for_end("greeting", run_id)
    assert [task["try_number"] for task in api.task_instances("greeting", run_id)] == [2]
    assert [entry["key"] for entry in api.xcoms("greeting", run_id)] == ["return_value"]


def test_dags_test_runs_a_dag_in_one_process(tmp_path: Path) -> None:
    result = DagsTest(tmp_path, DAGS).run("greeting", {"name": "laptop"})

    assert result.exit_code == 0, result.output
    assert "Hello, laptop" in result.output

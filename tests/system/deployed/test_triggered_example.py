"""The example job on a whole Airflow, triggered by REST as a click in the form would."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger


@pytest.fixture(scope="module")
def run(deployment: AirflowDeployment, local_cloud: LocalCloud) -> ObservedRun:
    """A run of the example with a deadline of its own, at its end."""
    run = trigger(deployment, local_cloud, "example", {"deadline_seconds": 400})
    run.wait_for("supervise", "running")
    run.wait_until_all("task", "deferred")
    assert run.wait_for_end() == "success"
    return run


def test_every_task_of_the_dag_succeeds(run: ObservedRun) -> None:
    instances = run.deployment.api.task_instances(run.dag_id, run.run_id)

    assert {one["state"] for one in instances} == {"success"}
    assert {one["task_id"] for one in instances} == {
        *("open_run", "schedule", "vm.provision", "vm.deploy"),
        *("supervise", "launched", "task", "terminate", "report"),
    }


def test_mapped_tasks_bear_the_names_of_vms_and_tasks(run: ObservedRun) -> None:
    names = {
        task_id: [one["rendered_map_index"] for one in run.instances(task_id)]
        for task_id in ("vm.provision", "vm.deploy", "task")
    }

    assert names == {
        "vm.provision": ["vm-0", "vm-1", "vm-2"],
        "vm.deploy": ["vm-0", "vm-1", "vm-2"],
        "task": ["0", "1", "2"],
    }


def test_each_tasks_container_log_is_its_airflow_log(run: ObservedRun) -> None:
    for map_index in range(3):
        log = run.log("task", map_index=map_index)

        assert f"Task {map_index}, attempt {map_index}.1 on vm-{map_index}: finished, exit code 0" in log
        assert "elapsed time:" in log


def test_the_results_are_published_and_the_report_tells_of_them(run: ObservedRun) -> None:
    assert {task: manifest["attempt_id"] for task, manifest in run.manifests().items()} == {
        "0": "0.1",
        "1": "1.1",
        "2": "2.1",
    }
    assert b"elapsed time:" in run.result("0", "output.txt")
    report = run.xcom("report")
    assert (report["finished"], report["tasks"], report["deadline"]) == (3, 3, 400)


def test_nothing_is_left_in_the_cloud(run: ObservedRun) -> None:
    assert len(run.instance_ids()) == 3
    assert run.left() == []


def test_the_form_offers_what_can_be_chosen(deployment: AirflowDeployment) -> None:
    deployment.wait_for_dag("example")

    params = deployment.api.call("GET", "dags/example/details")["params"]

    assert params["deadline_seconds"]["value"] == 200
    assert params["deadline_seconds"]["schema"]["exclusiveMinimum"] == 0
    assert params["planner"]["value"] in params["planner"]["schema"]["enum"]
    assert all(param["description"] or param["schema"]["description_md"] for param in params.values())


@pytest.mark.parametrize(
    ("param", "value", "message"),
    [
        ("deadline_seconds", 0, "less than or equal to the minimum of 0"),
        ("deadline_seconds", "soon", "not of type"),
        ("planner", "oracle", "is not one of"),
        ("boot_timeout", 5, "less than the minimum of 10"),
        ("margin", 100_000, "greater than the maximum of 86400"),
    ],
)
def test_the_form_refuses_bad_values(
    deployment: AirflowDeployment, param: str, value: object, message: str
) -> None:
    deployment.wait_for_dag("example")

    with pytest.raises(requests.HTTPError) as refusal:
        deployment.api.trigger("example", {param: value})

    assert refusal.match(r": (400|422) ")
    assert param in str(refusal.value)
    assert message in str(refusal.value)

"""The hand-written DAG of the building blocks, with and without an interruption of its spot VM."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import instances_of, keys_below, nothing_is_left, read_json
from tests.system.dags_test import DagsTest, StartedRun
from tests.system.dags_test_result import DagsTestResult
from tests.system.deployment import AirflowDeployment
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow

DAG_ID = "hads_building_blocks"
SPOT_TASKS = ["spot_task_0", "spot_task_1", "spot_task_2"]
TASKS = [*SPOT_TASKS, "safe_task"]


def spot_instance(cloud: LocalCloud, run: str) -> str | None:
    vm = instances_of(cloud, run).get("spot")
    return str(vm["InstanceId"]) if vm is not None else None


def attempts(cloud: LocalCloud, run: str, task: str) -> list[str]:
    """Return the tickets of a task: number and VM."""
    keys = keys_below(cloud, f"{run}/_hads/tickets/{task}/")
    return [read_json(cloud, key)["vm"]["vm_id"] for key in keys]


def published(cloud: LocalCloud, run: str) -> dict[str, str]:
    """Return the attempts whose results are published, by task."""
    manifests = {task: f"{run}/{task}/manifest.json" for task in TASKS}
    there = set(keys_below(cloud, f"{run}/"))
    return {task: read_json(cloud, key)["attempt_id"] for task, key in manifests.items() if key in there}


@pytest.fixture(scope="module")
def runs(dags_test: DagsTest, local_cloud: LocalCloud) -> tuple[str, str, StartedRun, StartedRun]:
    """Two runs at the same time by `airflow dags test`; the spot VM of one of them is hibernated for good."""
    quiet = dags_test.start(DAG_ID, {"seconds": 3})
    calm = wait_for("the first run's folder", lambda: known_runs(local_cloud), timeout=120)[0]
    disturbed = dags_test.start(DAG_ID, {"seconds": 8, "patience": 5})
    other = wait_for(
        "the other's folder", lambda: [run for run in known_runs(local_cloud) if run != calm], 120
    )
    wait_for(
        "a task on the spot VM", lambda: keys_below(local_cloud, f"{other[0]}/_hads/tickets/spot_task"), 120
    )
    local_cloud.interrupt(str(spot_instance(local_cloud, other[0])))
    return calm, other[0], quiet, disturbed


def known_runs(cloud: LocalCloud) -> list[str]:
    keys = keys_below(cloud, f"{DAG_ID}_")
    return sorted({key.split("/")[0] for key in keys if "/tickets/" in key})


@pytest.fixture(scope="module")
def calm(runs: tuple[str, str, StartedRun, StartedRun]) -> tuple[str, DagsTestResult]:
    return runs[0], runs[2].wait()


@pytest.fixture(scope="module")
def disturbed(runs: tuple[str, str, StartedRun, StartedRun]) -> tuple[str, DagsTestResult]:
    return runs[1], runs[3].wait(240)


def test_without_an_interruption_every_task_ends_where_it_began(
    calm: tuple[str, DagsTestResult], local_cloud: LocalCloud
) -> None:
    run, result = calm
    states = {task: state for (task, _), state in result.task_states().items()}

    assert result.exit_code == 0, result.output[-3000:]
    assert (states["interruption"], states["migrate"], states["terminate"]) == (
        "success",
        "skipped",
        "success",
    )
    assert published(local_cloud, run) == {task: f"{task}.1" for task in TASKS}
    assert result.xcom("safe_task")["files"] == ["host.txt"]
    assert "elapsed" in result.task_log("safe_task").lower()


def test_the_tasks_of_an_interrupted_vm_end_on_the_other_one(
    disturbed: tuple[str, DagsTestResult], local_cloud: LocalCloud
) -> None:
    run, result = disturbed

    assert result.exit_code == 0, result.output[-3000:]
    assert result.xcom("interruption")["kind"] == "hibernated"
    moved = {one["task_id"] for one in result.xcom("migrate")}
    assert moved
    for task in SPOT_TASKS:
        on = attempts(local_cloud, run, task)
        assert on[-1] == "safe" or task not in moved
        assert published(local_cloud, run)[task] == f"{task}.{len(on)}"


@pytest.mark.parametrize("name", ["calm", "disturbed"])
def test_no_vm_is_left_and_the_two_runs_have_their_own(
    request: pytest.FixtureRequest, name: str, local_cloud: LocalCloud
) -> None:
    run, _ = request.getfixturevalue(name)
    vms = instances_of(local_cloud, run)

    assert sorted(vms) == ["safe", "spot"]
    assert {vm["State"]["Name"] for vm in vms.values()} == {"terminated"}
    assert nothing_is_left(local_cloud, run)


def test_in_the_triggerer_the_tasks_follow_at_once(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    """Here all tasks wait side by side: none fails, and none needs another try."""
    before = known_runs(local_cloud)
    deployment.wait_for_dag(DAG_ID)
    run_id = deployment.api.trigger(DAG_ID, {"seconds": 20})
    run = deployment.wait_for("the run's folder", lambda: set(known_runs(local_cloud)) - {*before}, 150).pop()
    waiting = [*SPOT_TASKS, "interruption"]
    deployment.wait_for(
        "all of them in the triggerer",
        lambda: (
            {deployment.api.task_states(DAG_ID, run_id).get((task, -1)) for task in waiting} == {"deferred"}
        ),
        150,
    )
    local_cloud.interrupt(str(spot_instance(local_cloud, run)))

    assert deployment.wait_for_end(DAG_ID, run_id, 240) == "success"
    assert published(local_cloud, run) == {
        **{task: f"{task}.2" for task in SPOT_TASKS},
        "safe_task": "safe_task.1",
    }
    tries: dict[str, Any] = {
        one["task_id"]: one["try_number"] for one in deployment.api.task_instances(DAG_ID, run_id)
    }
    assert {tries[task] for task in TASKS} == {1}
    assert nothing_is_left(local_cloud, run)

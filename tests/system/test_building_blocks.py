"""The hand-written DAG of the building blocks, with and without an interruption of its spot VM."""

from __future__ import annotations

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import instances_of, keys_below, nothing_is_left
from tests.system.block_runs import DAG_ID, SPOT_TASKS, TASKS, known_runs, places, published, spot_instance
from tests.system.dags_test import DagsTest, StartedRun
from tests.system.dags_test_result import DagsTestResult
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(dags_test: DagsTest, local_cloud: LocalCloud) -> tuple[str, str, StartedRun, StartedRun]:
    """Two runs at the same time by `airflow dags test`; the spot VM of one of them is hibernated for good."""
    calm, quiet = _start(dags_test, local_cloud, {"seconds": 3})
    other, disturbed = _start(dags_test, local_cloud, {"seconds": 8, "patience": 5})
    wait_for(
        "a task on the spot VM", lambda: keys_below(local_cloud, f"{other}/_hads/tickets/spot_task"), 120
    )
    local_cloud.interrupt(spot_instance(local_cloud, other))
    return calm, other, quiet, disturbed


def _start(dags_test: DagsTest, cloud: LocalCloud, conf: dict[str, float]) -> tuple[str, StartedRun]:
    """Start a run; return its folder, which no run before it had, and the run."""
    before = known_runs(cloud)
    started = dags_test.start(DAG_ID, conf)
    (folder,) = wait_for("the run's folder", lambda: {*known_runs(cloud)} - {*before}, timeout=120)
    return folder, started


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
        on = places(local_cloud, run, task)
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

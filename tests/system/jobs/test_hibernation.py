"""Spot VMs hibernate under running tasks: what is done about it, and that the log says why."""

from __future__ import annotations

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import instances_of, manifest, nothing_is_left, read_json, results_of
from tests.system.dags_test import DagsTest
from tests.system.dags_test_result import DagsTestResult
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow

RUN = "261_0"
TASKS = [f"t{number:02d}" for number in range(12)]
SECONDS = 12
COUNT = "i=0; while [ $i -lt {steps} ]; do i=$((i+1)); echo $i >> out; sleep 0.5; done"
DEADLINE = 240.0


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, dags_test: DagsTest, local_cloud: LocalCloud
) -> DagsTestResult:
    """12 tasks on 3 spot VMs, of which one hibernates for good when its first tasks run."""
    folder = write_job_folder(
        tmp_path_factory.mktemp("jobs") / "hibernation",
        dict.fromkeys(TASKS, COUNT.format(steps=2 * SECONDS)),
        [Machine(TASKS[first::3], "spot") for first in range(3)],
        job_id="261",
        deadline=DEADLINE,
        runtime=SECONDS,
    )
    started = dags_test.start_job(folder)
    wait_for("tasks at work", lambda: started.ended or f"{TASKS[1]} started" in started.output, timeout=180)
    local_cloud.interrupt(str(instances_of(local_cloud, RUN)["vm-1"]["InstanceId"]), "hibernate")
    return started.wait(timeout=400)


def test_the_run_succeeds_by_the_deadline(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    report = read_json(local_cloud, f"{RUN}/_hads/report.json")

    assert run.exit_code == 0, run.output[-3000:]
    assert set(run.task_states().values()) == {"success"}
    assert report["deadline_met"] is True


@pytest.mark.parametrize("task_id", TASKS)
def test_every_result_is_complete(run: DagsTestResult, local_cloud: LocalCloud, task_id: str) -> None:
    lines = results_of(local_cloud, RUN, task_id)["out"].decode().split()

    assert lines == [str(step + 1) for step in range(2 * SECONDS)]


def test_the_tasks_of_the_vm_ended_elsewhere(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    moved = {
        task_id for task_id in TASKS if manifest(local_cloud, RUN, task_id)["attempt_id"] != f"{task_id}.1"
    }

    assert moved == set(TASKS[1::3])


def test_nothing_is_left(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    assert nothing_is_left(local_cloud, RUN)

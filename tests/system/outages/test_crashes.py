"""What is killed in mid-run: the run goes on, and does nothing twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger
from tests.system.processes import parent_of

# A killed task runner is reported by its supervisor and tried again after its retry delay of 5 s; when the
# supervisor dies too, that is noticed by its missing heartbeats (30 s here).
RETRY_WITHIN = {"task runner": 60.0, "task runner and its supervisor": 120.0}


@pytest.fixture(scope="module")
def bereaved(deployment: AirflowDeployment, local_cloud: LocalCloud) -> Mapping[str, Future[ObservedRun]]:
    """Runs whose ``supervise`` was killed in their midst, by who was killed; both have ended."""

    def carry_out(victim: str) -> ObservedRun:
        run = trigger(deployment, local_cloud, "pair")
        run.wait_for_running_tasks(2)
        task_runner = run.task_runner("supervise")
        victims = [task_runner] if victim == "task runner" else [parent_of(task_runner), task_runner]
        assert deployment.components["scheduler"].pid not in victims
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        deployment.wait_for("the second try", lambda: second_try_runs(run), RETRY_WITHIN[victim])
        run.wait_for_end()
        return run

    with ThreadPoolExecutor(len(RETRY_WITHIN)) as pool:
        return {victim: pool.submit(carry_out, victim) for victim in RETRY_WITHIN}


@pytest.mark.parametrize("victim", RETRY_WITHIN)
def test_a_killed_supervise_goes_on_where_it_was(
    bereaved: Mapping[str, Future[ObservedRun]], victim: str
) -> None:
    run = bereaved[victim].result()

    assert run.wait_for_end() == "success"
    assert "Going on where an earlier try of this task ended" in run.log("supervise", attempt=2)
    assert_done_once(run)


def test_a_run_outlives_scheduler_and_triggerer(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    run = trigger(deployment, local_cloud, "pair")
    run.wait_for_running_tasks(2)
    run.wait_until_all("task", "deferred")

    for component in ("scheduler", "triggerer"):
        deployment.components[component].kill()
        deployment.start_component(component)

    assert run.wait_for_end() == "success"
    assert_done_once(run)


def second_try_runs(run: ObservedRun) -> bool:
    supervise = run.instances("supervise")[0]
    return (supervise["try_number"], supervise["state"]) == (2, "running")


def assert_done_once(run: ObservedRun) -> None:
    assert {task: manifest["attempt_id"] for task, manifest in run.manifests().items()} == {
        task: f"{task}.1" for task in "abcdef"
    }
    assert len(run.instance_ids()) == 2
    assert run.left() == []

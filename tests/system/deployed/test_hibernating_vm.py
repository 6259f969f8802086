"""A spot VM hibernates for good in a run on a whole Airflow: its tasks end elsewhere, and it is told why."""

from __future__ import annotations

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.completeness import assert_complete, ended_on
from tests.system.deployment import AirflowDeployment
from tests.system.interruptions.happenings import hibernate_one_for_good
from tests.system.observed_run import ObservedRun, trigger

TASKS = tuple(f"t{number}" for number in range(6))
MOVED = ("t1", "t4")


@pytest.fixture(scope="module")
def run(deployment: AirflowDeployment, local_cloud: LocalCloud) -> ObservedRun:
    """Six tasks on 3 spot VMs, of which one hibernates when its first task runs; at its end."""
    run = trigger(deployment, local_cloud, "gone_slowly")
    hibernate_one_for_good(run, local_cloud)
    run.wait_for_end(timeout=420)
    return run


def test_all_results_are_right_by_the_deadline(run: ObservedRun) -> None:
    assert_complete(run, TASKS, 45)
    assert set(run.states("task")) == {"success"}


def test_the_tasks_of_the_vm_ended_elsewhere(run: ObservedRun) -> None:
    assert "vm-1" not in {ended_on(run, task_id) for task_id in TASKS}
    for task_id in MOVED:
        assert len(run.attempts(task_id)) > 1


def test_the_grid_shows_each_attempt_and_why_it_was_there(run: ObservedRun) -> None:
    for task_id in MOVED:
        moved = run.attempts(task_id)[-1]
        log = run.log("task", map_index=int(task_id[1:]))

        assert f"Task {task_id}, attempt {task_id}.1 on vm-1: cancelled" in log
        assert f"Task {task_id}, attempt {moved['id']} on {moved['vm']} ({moved['reason']}: " in log
        assert f"Decision: assign {moved['id']} to {moved['vm']}" in run.log("supervise")

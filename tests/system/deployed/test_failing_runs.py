"""However a run fails, nothing is left of it in the cloud, and its state says that it has failed."""

from __future__ import annotations

import json
import subprocess

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger

BOUND = 120.0
"""Seconds from the failure until all is gone."""


@pytest.mark.parametrize("stage", ["vm.provision", "vm.deploy", "supervise"])
def test_a_run_marked_failed_leaves_nothing(
    deployment: AirflowDeployment, local_cloud: LocalCloud, stage: str
) -> None:
    launches = local_cloud.requests("RunInstances")
    run = trigger(deployment, local_cloud, "marathon")
    run.wait_for(stage, "running")
    if stage == "vm.provision":
        deployment.wait_for("a launch", lambda: local_cloud.requests("RunInstances") > launches, interval=0.1)
    if stage == "supervise":
        run.wait_for_running_tasks(2)

    deployment.api.set_run_state("marathon", run.run_id, "failed")

    assert_cleaned_up(run)


def test_a_supervise_that_fails_for_good_fails_the_run(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    run = trigger(deployment, local_cloud, "marathon")
    run.wait_for_running_tasks(2)
    run.wait_until_all("task", "deferred")

    let_another_controller_take_over(run.containers()[0])

    run.wait_for("supervise", "failed", timeout=BOUND)
    assert_cleaned_up(run)
    assert "Another controller has taken over this run" in run.log("supervise")
    for map_index, task_id in enumerate(["long", "longer"]):
        log = run.log("task", map_index=map_index)
        assert f"Task {task_id} has not ended, and the run's supervise has: see its log." in log
    assert run.states("task") == ["failed", "failed"]


def let_another_controller_take_over(instance_id: str) -> None:
    """Speak to a VM's runner as a controller of a far later try would."""
    subprocess.run(
        ["docker", "exec", "-i", instance_id, "python3", "-I", "/opt/hads/runner.py", "exchange"],
        input=json.dumps({"epoch": 99}),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )


def assert_cleaned_up(run: ObservedRun) -> None:
    # A run that was marked failed counts as ended at once; its teardowns go on.
    run.deployment.wait_for("the report", lambda: {*run.states("report")} & {"success", "failed"}, BOUND)
    assert run.wait_for_end() == "failed"
    assert "Report of run" in run.log("report")
    assert run.states("terminate") == ["success"]
    assert run.instance_ids() != []
    assert run.left() == []

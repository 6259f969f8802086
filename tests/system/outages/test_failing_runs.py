"""However a run fails, nothing is left of it in the cloud, and its state says that it has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import instances_of
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger
from tests.system.other_controllers import let_another_controller_take_over
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow

BOUND = 120.0
"""Seconds from the failure until all is gone."""

OVER = ("success", "failed", "skipped", "upstream_failed", "removed")
"""States of a task that nothing comes of any more."""

AT_ONCE = 2

Runs = Mapping[str, Future[ObservedRun]]


def at_schedule(run: ObservedRun) -> None:
    # It takes a second or two, so that it may be over when it is seen; then nothing runs yet all the same.
    run.wait_for("schedule", "scheduled", "queued", "running", "success")


def at_provision(run: ObservedRun) -> None:
    run.wait_for_vms(1)
    run.wait_for("vm.provision", "running")


def at_deploy(run: ObservedRun) -> None:
    with unreachable(run):
        run.wait_for("vm.deploy", "running")


def at_supervise(run: ObservedRun) -> None:
    run.wait_for_running_tasks(2)


STAGES: Mapping[str, Callable[[ObservedRun], None]] = {
    "schedule": at_schedule,
    "provision": at_provision,
    "deploy": at_deploy,
    "supervise": at_supervise,
}
"""At which stages a run is marked failed, and how each is waited for."""

SLOW = {"provision": "slow_to_launch", "deploy": "slow_to_deploy"}
"""The jobs whose VMs are there for a while before it is heard: time to meet them at these stages."""


@pytest.fixture(scope="module")
def marked_failed(deployment: AirflowDeployment, local_cloud: LocalCloud) -> Runs:
    """One run for each stage, some at the same time, each marked failed by REST when it is there."""
    hear_late_of_launches(local_cloud, "slow_to_launch", answers=1000)
    hear_late_of_launches(local_cloud, "slow_to_deploy")

    def carry_out(stage: str) -> ObservedRun:
        run = trigger(deployment, local_cloud, SLOW.get(stage, "marathon"))
        STAGES[stage](run)
        deployment.api.set_run_state(run.dag_id, run.run_id, "failed")
        wait_for_report(run)
        return run

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {stage: pool.submit(carry_out, stage) for stage in STAGES}


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_marked_failed_leaves_nothing(marked_failed: Runs, stage: str) -> None:
    run = marked_failed[stage].result()

    assert_cleaned_up(run)
    assert stage == "schedule" or run.instance_ids() != []


def test_a_run_marked_failed_while_it_is_opened_launches_nothing(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    # S3 answers late, and with an error at first, so that it is met while it is opened.
    local_cloud.fault("s3:PUT", code="SlowDown", status=503, match="slow_to_open_", delay=15)
    run = trigger(deployment, local_cloud, "slow_to_open")
    run.wait_for("open_run", "running")

    deployment.api.set_run_state("slow_to_open", run.run_id, "failed")

    deployment.wait_for("the end of all tasks", lambda: {*run.task_states()} <= {*OVER}, BOUND)
    assert run.wait_for_end() == "failed"
    assert run.states("open_run") == ["failed"]
    assert "success" not in run.states("schedule")
    assert instances_of(local_cloud, "slow_to_open_0") == {}


def test_a_run_marked_failed_while_it_is_terminated_leaves_nothing(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    """A task's sensor is still open then: once only teardowns are left, Airflow takes no notice of a mark."""
    run = trigger(deployment, local_cloud, "pair")
    run.wait_for_running_tasks(2)
    run.wait_until_all("task", "deferred")

    with deployment.components["triggerer"].paused():
        run.wait_for("terminate", "running", timeout=240)
        deployment.api.set_run_state("pair", run.run_id, "failed")

    wait_for_report(run)
    assert_cleaned_up(run)
    assert run.instance_ids() != []


def test_a_supervise_that_fails_for_good_fails_the_run(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    run = trigger(deployment, local_cloud, "marathon")
    run.wait_for_running_tasks(2)
    run.wait_until_all("task", "deferred")

    let_another_controller_take_over(run.containers()[0])

    run.wait_for("supervise", "failed", timeout=BOUND)
    wait_for_report(run)
    assert_cleaned_up(run)
    assert run.instance_ids() != []
    assert "Another controller has taken over this run" in run.log("supervise")
    for map_index, task_id in enumerate(["long", "longer"]):
        log = run.log("task", map_index=map_index)
        assert f"Task {task_id} has not ended, and the run's supervise has: see its log." in log
    assert run.states("task") == ["failed", "failed"]


def test_every_provision_fails_after_its_launch_and_the_controller_takes_the_vms_over(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    hear_late_of_launches(local_cloud, "slow_pair", answers=1000)
    run = trigger(deployment, local_cloud, "slow_pair")
    run.wait_for_vms(2)
    run.fail_all("vm.provision")
    local_cloud.clear_faults()

    assert_adopted(run, "vm.provision", "failed")
    assert {*run.states("vm.deploy")} == {"upstream_failed"}


def test_every_deploy_fails_and_the_controller_deploys(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    hear_late_of_launches(local_cloud, "slow_pair")
    run = trigger(deployment, local_cloud, "slow_pair")
    with unreachable(run):
        run.wait_until_all("vm.deploy", "running")
        run.fail_all("vm.deploy")

    assert_adopted(run, "vm.deploy", "failed")


def hear_late_of_launches(cloud: LocalCloud, job_id: str, answers: int = 4) -> None:
    """Let the answers to a job's launches be lost, each some seconds after its VM has come to be.

    :param answers: how many are lost; the client asks again by itself, and is told of the same VM.
    """
    cloud.fault("RunInstances", "fail-after", count=answers, match=f"hads+{job_id}_", delay=8)


@contextmanager
def unreachable(run: ObservedRun) -> Iterator[None]:
    """While the block goes on, none of the run's two VMs can be reached by SSH."""
    refused: set[str] = set()

    def refuse_new_ones() -> bool:
        for vm in {*run.living_instance_ids().values()} - refused:
            with suppress(CloudError):  # it has not booted yet, and will refuse when it does
                run.cloud.refuse_ssh(vm)
            refused.add(vm)
        return len(refused) == 2

    run.wait_for_opening()
    wait_for("two VMs", refuse_new_ones, timeout=120)
    yield
    for vm in refused:
        run.cloud.accept_ssh(vm)


def wait_for_report(run: ObservedRun) -> None:
    """Wait for the last task: a run that was marked failed counts as ended at once; its teardowns go on."""
    run.deployment.wait_for("the report", lambda: {*run.states("report")} & {"success", "failed"}, BOUND)


def assert_cleaned_up(run: ObservedRun) -> None:
    assert run.wait_for_end() == "failed"
    assert "Report of run" in run.log("report")
    assert run.states("terminate") == ["success"]
    assert run.left() == []


def assert_adopted(run: ObservedRun, task_id: str, state: str) -> None:
    """Check that all is done by the VMs of tasks that failed, each launched once, and that none is left."""
    assert run.wait_for_end() == "success"
    assert {*run.states(task_id)} == {state}
    assert {*run.manifests()} == {*"abcdef"}
    assert len(run.instance_ids()) == 2, run.story()
    assert run.left() == []

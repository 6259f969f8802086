"""Runs for which nothing can be had, or nothing works: clear messages, a failed run, and nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import ENVIRONMENT, Machine, environment_of, rentable, write_job_folder
from tests.support.run_results import instances_of, nothing_is_left, results_of
from tests.system.breakages import OTHER_HOST, inside
from tests.system.dags_test import StartedRun
from tests.system.dags_test_result import DagsTestResult
from tests.system.job_runs import JobRun, JobRuns

pytestmark = pytest.mark.slow

ALWAYS = 100_000
TASKS = {"a": "echo a > out", "b": "echo b > out"}
CONF = {"margin": 10, "boot_timeout": 15}


def _no_capacity(cloud: LocalCloud) -> None:
    code = "InsufficientInstanceCapacity"
    cloud.fault("RunInstances", code=code, status=500, count=ALWAYS, match="hads+271_0+")


def _no_bucket(cloud: LocalCloud, started: StartedRun) -> None:
    """Let the bucket be gone for the VMs and for the controller, from when the tasks run.

    Every request about the run's objects is answered as S3 does without the bucket. The bucket itself stays:
    it is the local cloud's only one (``LocalCloud.remove_bucket``), and other runs go on in it at that time.
    """
    while "a started on" not in started.output and not started.ended:
        time.sleep(0.2)
    for method in ("GET", "PUT", "HEAD", "POST"):
        cloud.fault(f"s3:{method}", code="NoSuchBucket", status=404, count=ALWAYS, match="274_0")


def _on_every_vm(
    run: str, breakage: Callable[[LocalCloud, str], None], cloud: LocalCloud, started: StartedRun
) -> None:
    """Break each VM of a run as soon as it boots, before anybody speaks to it.

    The run is paused once for all that boot by then: between two pauses it would speak to the second one.
    """
    broken: set[str] = set()
    while not started.ended:
        if whole := _living(cloud, run) - broken:
            with started.paused():
                for instance_id in sorted(whole):
                    broken |= _break(cloud, instance_id, breakage)
        time.sleep(0.1)


def _living(cloud: LocalCloud, run: str) -> set[str]:
    return {
        str(entry["InstanceId"])
        for entry in instances_of(cloud, run).values()
        if entry["State"]["Name"] in ("pending", "running")
    }


def _another_host(_: LocalCloud, instance_id: str) -> None:
    inside(instance_id, OTHER_HOST)


def _break(cloud: LocalCloud, instance_id: str, breakage: Callable[[LocalCloud, str], None]) -> set[str]:
    for _ in range(300):
        if inside(instance_id, "pgrep -x sshd") == 0:  # it has its keys now
            with suppress(CloudError):  # it is being ended at this very moment
                breakage(cloud, instance_id)
            return {instance_id}
        time.sleep(0.1)
    return set()


def _job(job_id: str, environment: Mapping[str, Any] = ENVIRONMENT) -> Callable[..., object]:
    return partial(
        write_job_folder,
        commands=TASKS,
        machines=[Machine(["a"]), Machine(["b"], "spot")],
        job_id=job_id,
        deadline=60.0,
        environment=environment,
    )


ONE_TYPE = environment_of(rentable({"c5.large": (4.0, 0.085)}))
"""Another host is given up at once, not after the boot time-out: of each type and market two or three are
tried before there is a pause."""


JOB_RUNS = {
    "nothing_to_be_had": JobRun(_job("271"), _no_capacity, conf=CONF),
    "no_ssh": JobRun(_job("272"), meanwhile=partial(_on_every_vm, "272_0", LocalCloud.refuse_ssh), conf=CONF),
    "other_hosts": JobRun(
        _job("273", ONE_TYPE), meanwhile=partial(_on_every_vm, "273_0", _another_host), conf=CONF
    ),
    "no_bucket": JobRun(
        partial(
            write_job_folder,
            commands={"a": "sleep 8; echo a > out", "b": "sleep 8; echo b > out"},
            machines=[Machine(["a", "b"])],
            job_id="274",
            deadline=300.0,  # time for all attempts, however late they are
        ),
        meanwhile=_no_bucket,
        conf=CONF,
    ),
}

EXPECTED = {
    "nothing_to_be_had": ("271_0", "InsufficientInstanceCapacity"),
    "no_ssh": ("272_0", "not ready 15 s after its launch"),
    "other_hosts": ("273_0", "is not the VM that was launched: its host key is SHA256:"),
    "no_bucket": ("274_0", "its results could not be uploaded"),
}


@pytest.mark.parametrize("name", EXPECTED)
class TestNothingWorks:
    def test_the_run_fails_and_says_why(self, job_runs: JobRuns, name: str) -> None:
        run, (_, reason) = job_runs.result(name), EXPECTED[name]

        assert run.exit_code == 1
        assert run.run_state() == "failed"
        assert run.task_states()["supervise", -1] == "failed"
        assert reason in run.task_log("supervise") + run.task_log("vm.provision", 0)
        end = "could not be run on vm-0" if name == "no_bucket" else "given up 10 s after the deadline"
        assert f"Task a failed: {end}" in run.task_log("supervise")

    def test_each_task_fails_with_a_reason(self, job_runs: JobRuns, name: str) -> None:
        run = job_runs.result(name)

        for index, task_id in enumerate(TASKS):
            assert run.task_states()["task", index] == "failed"
            assert f"Task {task_id} failed: " in run.task_log("task", index)

    def test_nothing_is_left(self, job_runs: JobRuns, local_cloud: LocalCloud, name: str) -> None:
        job_runs.result(name)
        execution = EXPECTED[name][0]

        assert nothing_is_left(local_cloud, execution)
        assert {entry["State"]["Name"] for entry in instances_of(local_cloud, execution).values()} <= {
            "terminated"
        }

    def test_no_vm_is_launched_again_and_again(
        self, job_runs: JobRuns, local_cloud: LocalCloud, name: str
    ) -> None:
        job_runs.result(name)

        assert len(instances_of(local_cloud, EXPECTED[name][0])) <= 10


class TestOneTasksCommandDoesNotExist:
    def test_the_run_fails_and_the_others_are_done(self, job_runs: JobRuns, local_cloud: LocalCloud) -> None:
        run: DagsTestResult = job_runs.result("no_command")
        states = run.task_states()

        assert (run.exit_code, run.run_state()) == (1, "failed")
        assert [states["task", index] for index in range(2)] == ["success", "failed"]
        assert states["supervise", -1] == "success"
        assert "Task b failed: command not found, exit code 127" in run.task_log("task", 1)
        assert results_of(local_cloud, "275_0", "a") == {"out": b"a\n"}
        assert nothing_is_left(local_cloud, "275_0")


JOB_RUNS["no_command"] = JobRun(
    partial(
        write_job_folder,
        commands={"a": "echo a > out", "b": "no-such-program"},
        machines=[Machine(["a"]), Machine(["b"], "spot")],
        job_id="275",
    )
)

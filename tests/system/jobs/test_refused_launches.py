"""A cloud that refuses or fails: what was launched all the same ends, and the rest of the job goes on."""

from __future__ import annotations

from functools import partial

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import instances_of, nothing_is_left, read_json, results_of
from tests.system.dags_test_result import DagsTestResult
from tests.system.job_runs import JobRun, JobRuns

pytestmark = pytest.mark.slow

ALWAYS = 1000
TASKS = {"a": "echo a > out", "b": "echo b > out", "c": "echo c > out"}
MACHINES = [Machine(["a"]), Machine(["b"], "spot"), Machine(["c"])]


def _lose_answers(cloud: LocalCloud) -> None:
    cloud.fault("RunInstances", "fail-after", "InternalError", count=ALWAYS, match="hads+221_0+")


def _refuse_one(cloud: LocalCloud) -> None:
    code = "InsufficientInstanceCapacity"
    cloud.fault("RunInstances", code=code, status=500, count=ALWAYS, match="hads+222_0+vm-1")


JOB_RUNS = {
    "lost_answers": JobRun(
        partial(write_job_folder, commands=TASKS, machines=MACHINES, job_id="221"), _lose_answers
    ),
    "no_capacity": JobRun(
        partial(write_job_folder, commands=TASKS, machines=MACHINES, job_id="222"), _refuse_one
    ),
}


class TestEveryAnswerToALaunchIsLost:
    @pytest.fixture
    def run(self, job_runs: JobRuns) -> DagsTestResult:
        return job_runs.result("lost_answers")

    def test_the_run_fails_and_says_why(self, run: DagsTestResult) -> None:
        states = run.task_states()

        assert run.exit_code == 1
        assert run.run_state() == "failed"
        assert states["supervise", -1] == "failed"
        assert "vm-0 was not launched: RunInstances" in run.task_log("vm.provision", 0)
        assert "InternalError" in run.task_log("supervise")
        assert "Task a failed: vm-0 was given up: not launched" in run.task_log("task", 0)

    def test_the_vms_that_were_launched_are_ended(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        vms = instances_of(local_cloud, "221_0")

        assert sorted(vms) == ["vm-0", "vm-1", "vm-2"]
        assert {vm["State"]["Name"] for vm in vms.values()} == {"terminated"}
        assert nothing_is_left(local_cloud, "221_0")
        assert run.task_states()["terminate", -1] == "success"


class TestOneVmOfThreeIsNotToBeHad:
    @pytest.fixture
    def run(self, job_runs: JobRuns) -> DagsTestResult:
        return job_runs.result("no_capacity")

    def test_its_task_fails_with_the_reason_and_the_others_finish(self, run: DagsTestResult) -> None:
        states = run.task_states()

        assert [states["task", index] for index in range(3)] == ["success", "failed", "success"]
        assert "InsufficientInstanceCapacity" in run.task_log("task", 1)
        assert run.exit_code == 1
        assert run.run_state() == "failed"

    def test_the_others_results_are_published(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        assert results_of(local_cloud, "222_0", "a") == {"out": b"a\n"}
        assert results_of(local_cloud, "222_0", "b") == {}
        assert results_of(local_cloud, "222_0", "c") == {"out": b"c\n"}
        assert read_json(local_cloud, "222_0/_hads/report.json")["finished"] == 2

    def test_nothing_is_left(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        assert sorted(instances_of(local_cloud, "222_0")) == ["vm-0", "vm-2"]
        assert nothing_is_left(local_cloud, "222_0")

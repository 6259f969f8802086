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

    def test_the_controller_adopts_the_vms_all_the_same_and_the_run_succeeds(
        self, run: DagsTestResult, local_cloud: LocalCloud
    ) -> None:
        assert "vm-0 was not launched: RunInstances" in run.task_log("vm.provision", 0)
        assert "InternalError" in run.task_log("vm.provision", 0)
        assert run.exit_code == 0, run.output[-3000:]
        assert set(run.task_states().values()) == {"success"}
        for task_id in TASKS:
            assert results_of(local_cloud, "221_0", task_id) == {"out": f"{task_id}\n".encode()}

    def test_the_vms_that_were_launched_are_ended(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        vms = instances_of(local_cloud, "221_0")

        assert {"vm-0", "vm-1", "vm-2"} <= set(vms)
        assert {vm["State"]["Name"] for vm in vms.values()} == {"terminated"}
        assert nothing_is_left(local_cloud, "221_0")
        assert run.task_states()["terminate", -1] == "success"


class TestOneVmOfThreeIsNotToBeHad:
    @pytest.fixture
    def run(self, job_runs: JobRuns) -> DagsTestResult:
        return job_runs.result("no_capacity")

    def test_its_task_runs_elsewhere_and_the_run_succeeds(
        self, run: DagsTestResult, local_cloud: LocalCloud
    ) -> None:
        assert "InsufficientInstanceCapacity" in run.task_log("vm.provision", 1)
        assert run.exit_code == 0, run.output[-3000:]
        assert run.run_state() == "success"
        assert results_of(local_cloud, "222_0", "b") == {"out": b"b\n"}
        assert read_json(local_cloud, "222_0/_hads/report.json")["finished"] == 3

    def test_the_log_says_where_it_ran_and_why(self, run: DagsTestResult) -> None:
        log = run.task_log("supervise")

        assert "vm-1 (c5.large, spot) is lost: not launched: RunInstances" in log
        assert "Decision: assign b.1 to vm-" in log
        assert "Task b, attempt b.1 on vm-1" not in run.task_log("task", 1)
        assert "Task b, attempt b.1 on vm-" in run.task_log("task", 1)

    def test_nothing_is_left(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        assert "vm-1" not in instances_of(local_cloud, "222_0")
        assert nothing_is_left(local_cloud, "222_0")

"""Tasks that fail are failures of their own: the others go on, and nothing is left running."""

from __future__ import annotations

from functools import partial

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import manifest, nothing_is_left, read_json, results_of
from tests.system.dags_test_result import DagsTestResult
from tests.system.job_runs import JobRun, JobRuns

pytestmark = pytest.mark.slow

RUN = "201_0"


JOB_RUNS = {
    "three_kinds": JobRun(
        partial(
            write_job_folder,
            commands={
                "good": "echo all is well | tee said.txt",
                "exits": "echo it went wrong >&2; exit 3",
                "missing": "no-such-program --fast",
            },
            machines=[Machine(["good", "exits"]), Machine(["missing"])],
            job_id="201",
        )
    )
}


@pytest.fixture(scope="module")
def run(job_runs: JobRuns) -> DagsTestResult:
    return job_runs.result("three_kinds")


def test_the_run_fails_and_so_do_the_sensors_of_the_two_tasks_only(run: DagsTestResult) -> None:
    states = run.task_states()

    assert run.exit_code == 1
    assert run.run_state() == "failed"
    assert [states["task", index] for index in range(3)] == ["success", "failed", "failed"]
    assert states["supervise", -1] == "success"
    assert states["terminate", -1] == "success"
    assert states["report", -1] == "success"


def test_each_sensor_says_what_went_wrong_and_shows_the_containers_words(run: DagsTestResult) -> None:
    assert "Task exits failed: exit code 3: it went wrong (vm-0)" in run.task_log("task", 1)
    assert "Task missing failed: command not found, exit code 127" in run.task_log("task", 2)
    assert "all is well" in run.task_log("task", 0)
    assert "it went wrong" not in run.task_log("task", 0)


def test_a_tasks_failure_is_not_tried_again(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    report = read_json(local_cloud, f"{RUN}/_hads/report.json")

    assert sorted(report["failed"]) == ["exits", "missing"]
    assert "attempt exits.2" not in run.output
    assert run.tries("supervise") == 1


def test_the_good_tasks_results_are_published_and_nothing_is_left(
    run: DagsTestResult, local_cloud: LocalCloud
) -> None:
    assert results_of(local_cloud, RUN, "good") == {"said.txt": b"all is well\n"}
    assert manifest(local_cloud, RUN, "good")["attempt_id"] == "good.1"
    assert results_of(local_cloud, RUN, "exits") == {}
    assert nothing_is_left(local_cloud, RUN)

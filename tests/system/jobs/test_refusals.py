"""What can't be done is said at once, and launches nothing."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import write_job_folder
from tests.support.run_results import instances_of, read_json
from tests.system.dags_test_result import DagsTestResult
from tests.system.job_runs import JobRun, JobRuns

pytestmark = pytest.mark.slow


def _write_bad_folder(folder: Path) -> None:
    write_job_folder(folder, {"0": "true", "1": "true"}, job_id="212")
    job = json.loads((folder / "job.json").read_text())
    job["tasks"]["0"]["memory"] = -1
    del job["tasks"]["1"]["command"]
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "env.json").write_text('{"instances": {}')


JOB_RUNS = {
    "too_late": JobRun(
        partial(
            write_job_folder,
            commands={"0": "true", "1": "true"},
            job_id="211",
            deadline=60,
            runtime=500,
            settings={"ec2": {"boot_overhead": 10}},
        )
    ),
    "bad_files": JobRun(_write_bad_folder),
}


class TestADeadlineThatCantBeMet:
    @pytest.fixture
    def run(self, job_runs: JobRuns) -> DagsTestResult:
        return job_runs.result("too_late")

    def test_schedule_fails_without_a_retry_and_names_the_limit(self, run: DagsTestResult) -> None:
        log = run.task_log("schedule")

        assert run.exit_code == 1
        assert run.task_states()["schedule", -1] == "failed"
        assert run.tries("schedule") == 1
        assert "500" in log
        assert "deadline" in log

    def test_supervise_ends_at_once_with_the_reason(self, run: DagsTestResult) -> None:
        assert run.task_states()["supervise", -1] == "failed"
        assert run.tries("supervise") == 1
        assert "There is nothing to supervise: the run has no plan" in run.task_log("supervise")

    def test_terminate_and_report_run_all_the_same(
        self, run: DagsTestResult, local_cloud: LocalCloud
    ) -> None:
        states = run.task_states()

        assert states["terminate", -1] == "success"
        assert states["report", -1] == "failed"  # so is the run, whatever its watchers are
        assert "No VM was launched." in run.task_log("report")
        assert "supervise has not succeeded (failed): see its log." in run.task_log("report")
        assert read_json(local_cloud, "211_0/_hads/report.json")["cost"] == 0

    def test_nothing_was_launched(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        assert instances_of(local_cloud, "211_0") == {}
        assert "Launched vm-" not in run.output


class TestAFolderWithErrors:
    @pytest.fixture
    def run(self, job_runs: JobRuns) -> DagsTestResult:
        return job_runs.result("bad_files")

    def test_its_dag_is_there_and_open_run_fails_without_a_retry(self, run: DagsTestResult) -> None:
        assert run.exit_code == 1
        assert run.run_state() == "failed"
        assert run.task_states()["open_run", -1] == "failed"
        assert run.tries("open_run") == 1

    def test_each_error_has_a_line_with_file_field_and_value(self, run: DagsTestResult) -> None:
        log = run.task_log("open_run")

        assert "job.json: tasks.0.memory: -1" in log
        assert "job.json: tasks.1.command" in log
        assert "env.json" in log

    def test_nothing_was_launched_or_claimed(self, run: DagsTestResult, local_cloud: LocalCloud) -> None:
        listed = local_cloud.client("s3").list_objects_v2(Bucket=local_cloud.bucket, Prefix="212_")

        assert instances_of(local_cloud, "212_0") == {}
        assert listed["KeyCount"] == 0


def test_a_folders_dag_has_a_trigger_form(job_runs: JobRuns) -> None:
    params = job_runs.result("too_late").params("too_late")

    assert params["deadline_seconds"]["default"] == 60
    assert params["deadline_seconds"]["exclusiveMinimum"] == 0
    assert {"cc", "on-demand"} <= set(params["planner"]["enum"])
    assert all(param["description_md"] and param["title"] for param in params.values())

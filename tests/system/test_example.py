"""The example job, as `airflow dags test example` runs it, and a shorter copy of it as its second run."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
from airflow_provider_hads.local_cloud.status import total_cost
from tests.support.run_results import (
    bill_of,
    digest,
    instances_of,
    keys_below,
    manifest,
    nothing_is_left,
    read,
    read_json,
    results_of,
    user_data_of,
)
from tests.support.secrets_watch import CommandLines, account_secrets, leaked, role_secrets
from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest
from tests.system.dags_test_result import DagsTestResult
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow

RUN, SECOND = "12_0", "12_1"


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud on which the example has never run, so that its first execution is the first."""
    options = UpOptions(images=("synthetic",))
    with LocalCloud.start(tmp_path_factory.mktemp("own-cloud"), options) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def dags_test(tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud) -> Iterator[DagsTest]:
    """A runner of `airflow dags test` on that cloud."""
    runner = DagsTest(tmp_path_factory.mktemp("own-dags-test"), ROOT / "dags", local_cloud.environment())
    yield runner
    runner.close()


@dataclass
class Watched:
    """A run that was watched while it went on."""

    result: DagsTestResult
    command_lines: set[str]
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def watched(dags_test: DagsTest, local_cloud: LocalCloud) -> Watched:
    """The example's run, every command line of this machine looked at while it goes on."""
    with CommandLines() as watch:
        started = dags_test.start("example")
        secrets = account_secrets(local_cloud)
        for vm in wait_for("three VMs", lambda: _running_vms(local_cloud), timeout=90):
            secrets |= {f"{name} of {vm}": value for name, value in role_secrets(vm).items()}
        result = started.wait()
    return Watched(result, watch.seen, secrets)


def _running_vms(cloud: LocalCloud) -> list[str]:
    running = {vm.instance_id for vm in cloud.vms() if vm.state == "running"}
    own = [entry["InstanceId"] for entry in instances_of(cloud, RUN).values()]
    return own if len(own) == 3 and running.issuperset(own) else []


@pytest.fixture(scope="module")
def run(watched: Watched) -> DagsTestResult:
    """The example's run."""
    return watched.result


@pytest.fixture(scope="module")
def second_run(
    run: DagsTestResult, tmp_path_factory: pytest.TempPathFactory, dags_test: DagsTest
) -> DagsTestResult:
    """The same job again, its work made shorter, where sensors wait in the triggerer by default."""
    folder = tmp_path_factory.mktemp("jobs") / "example"
    shutil.copytree(ROOT / "dags" / "jobs" / "example", folder)
    job = json.loads((folder / "job.json").read_text())
    for task in job["tasks"].values():
        task["command"] = "sh exec.sh 40"
    (folder / "job.json").write_text(json.dumps(job))
    started = dags_test.start_job(folder, environment={"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"})
    return started.wait()


def test_the_run_succeeds_with_all_its_tasks(run: DagsTestResult) -> None:
    assert run.exit_code == 0, run.output[-3000:]
    assert set(run.task_states().values()) == {"success"}


@pytest.mark.parametrize("task_id", ["0", "1", "2"])
def test_each_tasks_result_is_the_synthetic_programs_report(
    run: DagsTestResult, local_cloud: LocalCloud, task_id: str
) -> None:
    results = results_of(local_cloud, RUN, task_id)

    assert list(results) == ["output.txt"]
    report = results["output.txt"].decode().lower()
    assert [word for word in ("size", "iteration", "memory", "elapsed") if word not in report] == []


@pytest.mark.parametrize("task_id", ["0", "1", "2"])
def test_each_manifest_names_the_attempt_and_what_is_published(
    run: DagsTestResult, local_cloud: LocalCloud, task_id: str
) -> None:
    content = results_of(local_cloud, RUN, task_id)["output.txt"]

    assert manifest(local_cloud, RUN, task_id) == {
        "task_id": task_id,
        "attempt_id": f"{task_id}.1",
        "files": [{"path": "output.txt", "sha256": digest(content), "size": len(content)}],
    }


def test_the_report_costs_what_the_cloud_bills(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    report = read_json(local_cloud, f"{RUN}/_hads/report.json")
    bill = bill_of(local_cloud, RUN)

    assert len(report["vms"]) == len(bill) == 3
    assert report["cost"] == pytest.approx(total_cost(bill), rel=0.01)
    assert report == run.xcom("report")


def test_the_report_says_how_it_went(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    report = read_json(local_cloud, f"{RUN}/_hads/report.json")

    assert (report["tasks"], report["finished"], report["failed"]) == (3, 3, {})
    assert report["deadline"] == 200.0
    assert 0 < report["makespan"] < 200
    assert report["deadline_met"] is True
    assert report["cost"] < report["on_demand_cost"]


def test_nothing_is_left_running(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    assert nothing_is_left(local_cloud, RUN)
    assert {entry["State"]["Name"] for entry in instances_of(local_cloud, RUN).values()} == {"terminated"}


def test_the_log_tells_the_story(run: DagsTestResult) -> None:
    assert "Run 12_0 of job 12 (Three rounds of matrices): 3 tasks, deadline 200 s" in run.task_log(
        "open_run"
    )
    assert "vm-2  t2.micro  on-demand" in run.task_log("schedule")
    assert "Launched vm-1 as i-" in run.task_log("vm.provision", 1)
    assert "vm-1 is ready; tasks in its queue: 1" in run.task_log("vm.deploy", 1)
    story = run.task_log("supervise")
    for sentence in (
        "Task 2 started on vm-2",
        "Task 2 ended on vm-2 with exit code 0",
        "Task 2: results published",
    ):
        assert sentence in story
    assert "Nothing of run 12_0 is left running" in run.task_log("terminate")
    assert "Tasks: 3 of 3 finished" in run.task_log("report")
    assert "warning" not in story


def test_a_second_run_has_its_own_execution_id_vms_and_results(
    run: DagsTestResult, second_run: DagsTestResult, local_cloud: LocalCloud
) -> None:
    assert second_run.exit_code == 0, second_run.output[-3000:]
    assert second_run.xcom("open_run", "run")["execution_id"] == 1
    assert [key for key in keys_below(local_cloud, f"{SECOND}/") if "/0/data/" in key] == [
        f"{SECOND}/0/data/output.txt"
    ]
    first_vms, second_vms = instances_of(local_cloud, RUN), instances_of(local_cloud, SECOND)
    assert first_vms.keys() == second_vms.keys()
    assert not {vm["InstanceId"] for vm in first_vms.values()} & {
        vm["InstanceId"] for vm in second_vms.values()
    }
    assert nothing_is_left(local_cloud, SECOND)


def test_deferrable_sensors_do_not_wait_for_ever_in_one_process(second_run: DagsTestResult) -> None:
    states = second_run.task_states()

    assert [states["task", index] for index in range(3)] == ["success"] * 3


def test_no_secret_stands_where_others_can_read_it(watched: Watched, local_cloud: LocalCloud) -> None:
    home = watched.result.home
    places = {
        "a command line": "\n".join(watched.command_lines),
        "the output": watched.result.output,
        "the database": watched.result.database.read_bytes().decode(errors="replace"),
        "tags": json.dumps(instances_of(local_cloud, RUN), default=str),
        **{str(path): path.read_text(errors="replace") for path in (home / "logs").rglob("*.log")},
        **{key: read(local_cloud, key).decode(errors="replace") for key in keys_below(local_cloud, RUN)},
    }
    for vm_id, entry in instances_of(local_cloud, RUN).items():
        user_data = user_data_of(local_cloud, entry["InstanceId"])
        places[f"user data of {vm_id}"] = base64.b64decode(user_data).decode()
        places[f"console of {vm_id}"] = _console(local_cloud, entry["InstanceId"])

    assert len(watched.secrets) == 2 + 3 * 2
    assert any("runner.py listen" in line.replace("\0", " ") for line in watched.command_lines)
    assert "#cloud-config" in places["user data of vm-0"]
    assert "boot: done" in places["console of vm-0"]
    assert leaked(watched.secrets, places) == []


def _console(cloud: LocalCloud, instance_id: str) -> str:
    answer = cloud.client("ec2").get_console_output(InstanceId=instance_id)
    return str(answer["Output"])

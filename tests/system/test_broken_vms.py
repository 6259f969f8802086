"""VMs that can't be used: each is given up within the boot time-out, with the reason, and its task moves."""

from __future__ import annotations

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import instances_of, manifest, nothing_is_left, read_json, results_of
from tests.system.breakages import BREAKAGES, break_vm
from tests.system.dags_test import DagsTest
from tests.system.dags_test_result import DagsTestResult

pytestmark = pytest.mark.slow

RUN = "241_0"
TASKS = ("key", "server", "login", "good")
BOOT_TIMEOUT = 15.0


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, dags_test: DagsTest, local_cloud: LocalCloud
) -> DagsTestResult:
    """A run of four VMs, three of them broken."""
    folder = write_job_folder(
        tmp_path_factory.mktemp("jobs") / "broken_vms",
        dict.fromkeys(TASKS, "echo done > out"),
        [Machine([task_id]) for task_id in TASKS],
        job_id="241",
        deadline=400.0,
    )
    started = dags_test.start_job(folder, {"boot_timeout": BOOT_TIMEOUT})
    for vm_id, breakage in zip(("vm-0", "vm-1", "vm-2"), BREAKAGES, strict=True):
        break_vm(local_cloud, started, RUN, vm_id, breakage)
    assert "is ready" not in started.output, "broken too late"
    return started.wait()


def test_the_run_succeeds_all_the_same(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    report = read_json(local_cloud, f"{RUN}/_hads/report.json")

    assert run.exit_code == 0, run.output[-3000:]
    assert set(run.task_states().values()) == {"success"}
    assert report["deadline_met"] is True
    assert [results_of(local_cloud, RUN, task_id) for task_id in TASKS] == [{"out": b"done\n"}] * 4


def test_another_hosts_key_is_refused_and_both_fingerprints_are_told(run: DagsTestResult) -> None:
    log = run.task_log("supervise")

    assert "vm-0 (c5.large, on-demand) is lost: " in log
    assert "is not the VM that was launched: its host key is SHA256:" in log
    assert log.count("SHA256:") % 2 == 0


def test_a_vm_without_ssh_is_given_up_after_its_boot_time_out(run: DagsTestResult) -> None:
    log = run.task_log("supervise")

    assert "vm-1 (c5.large, on-demand) is lost: not ready 15 s after its launch" in log
    assert "Decision: terminate vm-1 (given-up)" in log


def test_a_vm_that_refuses_the_login_is_given_up_and_the_key_is_named(run: DagsTestResult) -> None:
    assert "with the key of connection 'hads_local_ssh' is refused" in run.task_log("supervise")


@pytest.mark.parametrize("index", range(3))
def test_each_tasks_log_says_that_it_was_interrupted_and_where_it_went(
    run: DagsTestResult, local_cloud: LocalCloud, index: int
) -> None:
    log, task_id = run.task_log("task", index), TASKS[index]
    published = manifest(local_cloud, RUN, task_id)["attempt_id"]

    assert f"Task {task_id}, attempt {task_id}.1 on vm-{index}: cancelled, interrupted: " in log
    assert published != f"{task_id}.1"
    assert f"Task {task_id}, attempt {published} on vm-" in log


def test_nothing_is_left(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    assert len(instances_of(local_cloud, RUN)) >= 4
    assert nothing_is_left(local_cloud, RUN)

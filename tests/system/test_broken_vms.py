"""VMs that can't be used: each is given up within the boot time-out, with the reason."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import instances_of, nothing_is_left, results_of
from tests.system.dags_test import DagsTest, StartedRun
from tests.system.dags_test_result import DagsTestResult
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow

RUN = "241_0"
TASKS = ("key", "server", "login", "good")
DEADLINE = 900.0
BOOT_TIMEOUT = 15.0
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
BREAKAGES = {
    "vm-0": f"rm {HOST_KEY} && ssh-keygen -q -t ed25519 -N '' -f {HOST_KEY}",
    "vm-1": "kill $(pgrep -o -x sshd)",
    "vm-2": "rm /home/*/.ssh/authorized_keys",
}
"""What is done to each VM after it has booted: another host's key, no SSH server, no key that opens it."""


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
        deadline=DEADLINE,
    )
    started = dags_test.start_job(folder, {"boot_timeout": BOOT_TIMEOUT})
    for vm_id, command in BREAKAGES.items():
        _break(local_cloud, started, vm_id, command)
    return started.wait()


def _break(cloud: LocalCloud, started: StartedRun, vm_id: str, command: str) -> None:
    """Break a VM that has just been launched: all are launched before the first is deployed."""
    name: str = wait_for(vm_id, lambda: _launched(cloud, started, vm_id) or "", timeout=90, interval=0.05)
    with started.paused():
        wait_for(f"sshd on {vm_id}", lambda: _inside(name, "pgrep -x sshd") == 0, timeout=20, interval=0.1)
        assert _inside(name, command) == 0
    assert "is ready" not in started.output, "broken too late"


def _launched(cloud: LocalCloud, started: StartedRun, vm_id: str) -> str | None:
    assert not started.ended, started.output[-3000:]
    entry = instances_of(cloud, RUN).get(vm_id)
    return None if entry is None else str(entry["InstanceId"])


def _inside(vm: str, command: str) -> int:
    return subprocess.run(
        ["docker", "exec", vm, "sh", "-c", command], capture_output=True, timeout=20, check=False
    ).returncode


def test_the_run_fails_within_the_boot_time_outs(run: DagsTestResult) -> None:
    began, ended = run.times()

    assert run.exit_code == 1
    assert run.run_state() == "failed"
    assert (ended - began).total_seconds() < DEADLINE / 4


def test_another_hosts_key_is_refused_and_both_fingerprints_are_told(
    run: DagsTestResult, local_cloud: LocalCloud
) -> None:
    log = run.task_log("task", 0)

    assert run.task_states()["task", 0] == "failed"
    assert "is not the VM that was launched: its host key is SHA256:" in log
    assert log.count("SHA256:") % 2 == 0


def test_a_vm_without_ssh_is_given_up_after_its_boot_time_out(run: DagsTestResult) -> None:
    assert run.task_states()["task", 1] == "failed"
    assert "vm-1 was given up: not ready 15 s after its launch" in run.task_log("task", 1)
    assert "onnect" in run.task_log("task", 1)


def test_a_vm_that_refuses_the_login_is_given_up_and_the_key_is_named(run: DagsTestResult) -> None:
    assert run.task_states()["task", 2] == "failed"
    assert "with the key of connection 'hads_local_ssh' is refused" in run.task_log("task", 2)


def test_the_vm_that_works_does_its_task_all_the_same(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    assert run.task_states()["task", 3] == "success"
    assert results_of(local_cloud, RUN, "good") == {"out": b"done\n"}


def test_nothing_is_left(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    assert len(instances_of(local_cloud, RUN)) == 4
    assert nothing_is_left(local_cloud, RUN)

"""VMs that are broken behind the back of the run that has launched them."""

from __future__ import annotations

import subprocess

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import instances_of
from tests.system.dags_test import StartedRun
from tests.system.waiting import wait_for

__all__ = ["BREAKAGES", "OTHER_HOST", "break_vm", "inside"]

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"

OTHER_HOST = f"rm {HOST_KEY} && ssh-keygen -q -t ed25519 -N '' -f {HOST_KEY}"
"""Another host's key, for every connection from now on; an SSH server that has just begun goes on."""

BREAKAGES = (
    OTHER_HOST,
    "kill $(pgrep -o -x sshd)",
    "rm /home/*/.ssh/authorized_keys",
)
"""Another host's key, no SSH server, no key that opens it."""


def break_vm(cloud: LocalCloud, started: StartedRun, run: str, vm_id: str, breakage: str) -> None:
    """Wait until a VM is launched, and break it before anybody speaks to it.

    :param run: ``<job>_<execution>``.
    :param breakage: a shell command, carried out on the VM once it has booted.
    """
    name: str = wait_for(
        vm_id, lambda: _launched(cloud, started, run, vm_id) or "", timeout=150, interval=0.05
    )
    with started.paused():
        wait_for(f"sshd on {vm_id}", lambda: inside(name, "pgrep -x sshd") == 0, timeout=60, interval=0.1)
        assert inside(name, breakage) == 0


def _launched(cloud: LocalCloud, started: StartedRun, run: str, vm_id: str) -> str | None:
    assert not started.ended, started.output[-3000:]
    entry = instances_of(cloud, run).get(vm_id)
    return None if entry is None else str(entry["InstanceId"])


def inside(vm: str, command: str) -> int:
    """Run a command on a VM as root, behind everybody's back, and return its exit code."""
    return subprocess.run(
        ["docker", "exec", vm, "sh", "-c", command], capture_output=True, timeout=60, check=False
    ).returncode

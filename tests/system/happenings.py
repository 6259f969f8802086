"""What happens to the spot VMs of runs, when the time has come."""

from __future__ import annotations

import time

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.interrupted_jobs import LONG, SPOT_TYPE
from tests.system.run_in_cloud import RunInCloud

__all__ = [
    "A_THIRD",
    "hibernate_all",
    "hibernate_beside_a_burstable_vm",
    "hibernate_one_for_good",
    "resume_before_it_is_late",
    "resume_when_its_work_was_migrated",
    "warn_one_and_let_one_lose_its_memory",
]

A_THIRD = 20.0
"""Seconds from the begin of its first task until about a third of a run of two rounds of tasks."""

AHEAD = LONG - 9
"""Seconds for which a copy of a task is let run: it is ahead of what is frozen then, also where a late
controller has let that run for long, and has not ended yet."""


def hibernate_one_for_good(run: RunInCloud, cloud: LocalCloud) -> None:
    """Hibernate one VM of three when a third of the run is over."""
    instance_id = run.wait_until_begun("t1.1", "vm-1")
    time.sleep(A_THIRD)
    cloud.interrupt(instance_id, "hibernate")


def hibernate_beside_a_burstable_vm(run: RunInCloud, cloud: LocalCloud) -> None:
    """Hibernate the spot VM when the burstable VM has done what it had, and earns CPU credits."""
    run.wait_until_at_work({"t0", "t1"})
    run.wait_for_tasks(["t2"], "finished")
    cloud.interrupt(run.instance_id("vm-0"), "hibernate")


def resume_before_it_is_late(run: RunInCloud, cloud: LocalCloud) -> None:
    """Hibernate a VM, and resume it some seconds after that was seen."""
    run.wait_until_at_work({"t2", "t3"})
    cloud.interrupt(run.instance_id("vm-1"), "hibernate")
    run.wait_for_vm("vm-1", "hibernated")
    time.sleep(4)
    cloud.resume(run.instance_id("vm-1"))


def resume_when_its_work_was_migrated(run: RunInCloud, cloud: LocalCloud) -> None:
    """Hibernate a VM when its tasks have just begun, and resume it when they are well under way elsewhere."""
    run.wait_until_at_work({"t10"})
    cloud.interrupt(run.instance_id("vm-1"), "hibernate")
    run.wait_for_vm("vm-1", "hibernated")
    run.wait_until_at_work({"t10", "t11"}, elsewhere="vm-1")
    time.sleep(AHEAD)
    cloud.resume(run.instance_id("vm-1"))


def hibernate_all(run: RunInCloud, cloud: LocalCloud) -> None:
    """Hibernate both VMs at once, and have no spot capacity left."""
    run.wait_until_at_work({"t0", "t1", "t2", "t3"})
    cloud.no_capacity(f"{SPOT_TYPE}:spot")
    for vm_id in ("vm-0", "vm-1"):
        cloud.interrupt(run.instance_id(vm_id), "hibernate")


def warn_one_and_let_one_lose_its_memory(run: RunInCloud, cloud: LocalCloud) -> None:
    """Give one VM notice that it will be stopped in 30 s, and let another come back by a fresh boot."""
    run.wait_until_at_work({"t0", "t1"})
    cloud.interrupt(run.instance_id("vm-0"), "stop", notice=30)
    cloud.interrupt(run.instance_id("vm-1"), "hibernate")
    run.wait_for_vm("vm-1", "hibernated")
    cloud.resume(run.instance_id("vm-1"), fresh_boot=True)

"""What is in the way of runs from their begin: there are no VMs, or none that can be used, or no bucket."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.hindered_jobs import BROKEN
from tests.system.observed_run import ObservedRun
from tests.system.vm_breakages import BREAKAGES, OTHER_HOST, inside
from tests.system.waiting import wait_for

__all__ = [
    "break_three",
    "have_no_capacity",
    "nothing",
    "refuse_ssh",
    "show_other_host_keys",
    "take_the_bucket",
]

ALWAYS = 100_000
"""Times that a call fails: for as long as a run may take."""

PAUSE = 0.4
"""Seconds between two looks for new VMs: less than a VM takes to boot."""

LOOKS = 5
"""Looks for new VMs between two at whether the run has ended."""


def nothing(run: ObservedRun, cloud: LocalCloud) -> None:
    """Leave a run alone: what is wrong is the job's own."""


def have_no_capacity(run: ObservedRun, cloud: LocalCloud) -> None:
    """Have no VM of any type for a run; it has not asked for one when it has just been triggered."""
    token = f"hads+{run.dag_id}_0+"
    code = "InsufficientInstanceCapacity"
    cloud.fault("RunInstances", code=code, status=500, count=ALWAYS, match=token)


def refuse_ssh(run: ObservedRun, cloud: LocalCloud) -> None:
    """Let each VM of a run refuse SSH from its boot on."""
    _for_each_vm(run, lambda instance_id: _shut(cloud, instance_id))


def show_other_host_keys(run: ObservedRun, cloud: LocalCloud) -> None:
    """Give each VM of a run another host key before anybody has spoken to it."""
    _for_each_vm(run, lambda instance_id: _break(cloud, instance_id, OTHER_HOST))


def take_the_bucket(run: ObservedRun, cloud: LocalCloud) -> None:
    """Let the bucket be gone for a run's VMs and for its controller, from when its tasks run.

    Every request about the run's objects is answered as S3 does without the bucket. The bucket itself stays:
    it is the local cloud's only one (``LocalCloud.remove_bucket``), and other runs go on in it at that time.
    """
    run.wait_for_running_tasks(2)
    for method in ("GET", "PUT", "HEAD", "POST"):
        cloud.fault(f"s3:{method}", code="NoSuchBucket", status=404, count=ALWAYS, match=run.folder)


def break_three(run: ObservedRun, cloud: LocalCloud) -> None:
    """Break three VMs of four before anybody has spoken to them, each in another way."""
    breakages = dict(zip(BROKEN, BREAKAGES, strict=True))
    with ThreadPoolExecutor(len(breakages)) as pool:
        broken: dict[str, Future[None]] = {}

        def break_new_ones() -> bool:
            for vm, instance_id in run.living_instance_ids().items():
                if vm in breakages and vm not in broken:
                    broken[vm] = pool.submit(_break, cloud, instance_id, breakages[vm])
            return len(broken) == len(breakages)

        wait_for("the VMs", break_new_ones, timeout=150, interval=PAUSE)
    for one in broken.values():
        one.result()


def _for_each_vm(run: ObservedRun, breakage: Callable[[str], None]) -> None:
    """Break each VM of a run as soon as it is launched, until the run has ended."""
    broken: set[str] = set()
    while not run.has_ended():
        for _ in range(LOOKS):
            for instance_id in {*run.living_instance_ids().values()} - broken:
                breakage(instance_id)
                broken.add(instance_id)
            time.sleep(PAUSE)


def _shut(cloud: LocalCloud, instance_id: str) -> None:
    with suppress(CloudError):  # it has not booted yet, and will refuse when it does; or it has just ended
        cloud.refuse_ssh(instance_id)


def _break(cloud: LocalCloud, instance_id: str, breakage: str) -> None:
    """Break a VM with its door shut, so that nobody speaks to it before."""
    _shut(cloud, instance_id)
    with suppress(TimeoutError, CloudError):  # it has ended before it could be broken
        wait_for("sshd", lambda: inside(instance_id, "pgrep -x sshd") == 0, timeout=30, interval=PAUSE)
        inside(instance_id, breakage)
        cloud.accept_ssh(instance_id)

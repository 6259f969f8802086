"""From the interruption of a VM to the start of its task elsewhere, by looking and by EC2's events."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.benchmarks.figures import Figures
from tests.benchmarks.test_forty_tasks import uptime
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import manifest, results_of
from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest
from tests.system.watched_run import WatchedRun

INTERVAL = 5.0
"""Seconds between two looks at the cloud, where EC2's events are listened to and where not."""

SECONDS = 70.0
"""How long each task takes: none can wait for another's slot and still meet the deadline."""

DEADLINE = 145.0

# The VMs are containers: /proc/uptime is the same clock in all of them and here.
COMMAND = f"cat /proc/uptime > begin; sleep {SECONDS:g}"


@pytest.mark.parametrize("target", ["running", "new"])
@pytest.mark.parametrize("sensing", ["looking", "events"])
def test_reaction(
    tmp_path: Path, local_cloud: LocalCloud, figures: Figures, sensing: str, target: str
) -> None:
    """A task's VM hibernates while another VM has a free slot, or while none has and one is launched."""
    job = f"{sensing}{target}"
    busy = ["a"] if target == "running" else ["a", "c"]
    folder = write_job_folder(
        tmp_path / "jobs" / job,
        dict.fromkeys([*busy, "b"], COMMAND),
        [Machine(busy), Machine(["b"], "spot")],
        job_id=job,
        deadline=DEADLINE,
        runtime=SECONDS,
        settings={"scheduler": {"policy": "burst-hads", "status_update_time": INTERVAL, "reaction": 5}},
    )
    events = (
        {"AIRFLOW__HADS__EVENTS_QUEUE": local_cloud.make_events_queue(job)} if sensing == "events" else {}
    )
    (tmp_path / "airflow").mkdir()
    runner = DagsTest(tmp_path / "airflow", ROOT / "dags", local_cloud.environment() | events)
    run = WatchedRun(runner.start_job(folder), local_cloud)
    run.wait_until_at_work({"a", "b"})
    interrupted = uptime()
    local_cloud.interrupt(run.instance_id("vm-1"), "hibernate")
    assert run.wait_for_end(timeout=400) == "success"

    execution = f"{job}_0"
    moved = next(one for one in run.attempts("b") if one["id"] != "b.1")
    assert manifest(local_cloud, execution, "b")["attempt_id"] == moved["id"]
    assert (moved["vm"] == "vm-0") == (target == "running")
    began = float(results_of(local_cloud, execution, "b")["begin"].split()[0])
    where = "a VM that runs" if target == "running" else "a new VM"
    how = "looking every 5 s" if sensing == "looking" else "EC2's events"
    aim = (
        {"looking": f"< {INTERVAL + 3:.0f} s", "events": "< 5 s"}[sensing]
        if target == "running"
        else "boot + 5 s"
    )
    boot = "" if target == "running" else f" (boot: {boot_seconds(run.log('supervise'), moved['vm']):.1f} s)"
    figures.add(
        f"From a hibernation to its task's start on {where}, by {how}",
        f"{began - interrupted:.1f} s{boot}",
        aim,
    )


def boot_seconds(story: str, vm_id: str) -> float:
    """Return the seconds from a VM's launch until it answers, by the controller's log."""
    told = rf"\[ *([0-9.]+) s\] {vm_id} \([^)]*\) (?:is being launched|answers)"
    launched, answered = map(float, re.findall(told, story)[:2])
    return answered - launched

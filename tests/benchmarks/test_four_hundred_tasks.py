"""A job of 400 tasks on 20 VMs: what its controller and the triggerer take while all of it goes on."""

from __future__ import annotations

import time
from contextlib import suppress

from airflow_provider_hads.local_cloud import LocalCloud
from tests.benchmarks.figures import Figures
from tests.benchmarks.jobs import HUNDREDS
from tests.benchmarks.test_forty_tasks import ec2_calls_a_minute, processor_seconds
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import trigger
from tests.system.processes import session_members

WATCHED = 60.0
"""Seconds."""

WAITING = 100
"""Sensors that wait in the triggerer while it is watched, at least."""


def test_four_hundred_tasks(deployment: AirflowDeployment, local_cloud: LocalCloud, figures: Figures) -> None:
    deployment.wait_for_dag(HUNDREDS.name, timeout=120)
    run = trigger(deployment, local_cloud, HUNDREDS.name, {"boot_timeout": 600})
    run.wait_for_running_tasks(HUNDREDS.slots * HUNDREDS.vms, timeout=600)
    deployment.wait_for("sensors", lambda: run.states("task").count("deferred") >= WAITING, 900, interval=5)

    waiting = run.states("task").count("deferred")
    controller, triggerer = shares_of_one_core(
        [run.task_runner("supervise")], [*session_members(deployment.components["triggerer"].pid)]
    )
    assert run.wait_for_end(timeout=1500) == "success"

    what = f"{HUNDREDS.tasks} tasks on {HUNDREDS.vms} VMs"
    figures.add(
        f"Processor time, share of one core, {what}: `supervise`; triggerer with {waiting} sensors",
        f"{100 * controller:.0f} %; {100 * triggerer:.0f} %",
    )
    calls = f"{ec2_calls_a_minute(run):.0f}"
    figures.add(f"EC2 API calls a minute while `supervise` runs, {what}", calls)


def shares_of_one_core(*groups: list[int]) -> list[float]:
    """Watch groups of processes for some time, and return how much of one core each group has used."""
    before, began = [_processor_seconds(group) for group in groups], time.monotonic()
    time.sleep(WATCHED)
    seconds = time.monotonic() - began
    return [(_processor_seconds(group) - used) / seconds for group, used in zip(groups, before, strict=True)]


def _processor_seconds(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended
            total += processor_seconds(pid)
    return total

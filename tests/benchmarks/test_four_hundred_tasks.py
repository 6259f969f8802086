"""A job of 400 tasks on 20 VMs: what its controller and the triggerer take while all of it goes on."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from airflow_provider_hads.local_cloud import LocalCloud
from tests.benchmarks.figures import Figures
from tests.benchmarks.test_forty_tasks import ec2_calls_a_minute, processor_seconds
from tests.support.job_folders import Machine, environment_of, rentable, write_job_folder
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import trigger
from tests.system.processes import session_members

TASKS, VMS, SECONDS = 400, 20, 45.0
WATCHED = 60.0
"""Seconds."""

WAITING = 200
"""Sensors that wait in the triggerer while it is watched, at least."""


def test_four_hundred_tasks(
    deployment: AirflowDeployment, local_cloud: LocalCloud, jobs_folder: Path, figures: Figures
) -> None:
    write_four_hundred_tasks(jobs_folder)
    deployment.wait_for_dag("hundreds", timeout=120)
    run = trigger(deployment, local_cloud, "hundreds", {"boot_timeout": 600})
    run.wait_for_running_tasks(2 * VMS, timeout=600)
    deployment.wait_for("sensors", lambda: run.states("task").count("deferred") >= WAITING, 900, interval=5)

    waiting = run.states("task").count("deferred")
    controller, triggerer = shares_of_one_core(
        [run.task_runner("supervise")], [*session_members(deployment.components["triggerer"].pid)]
    )
    assert run.wait_for_end(timeout=1500) == "success"

    what = f"{TASKS} tasks on {VMS} VMs"
    figures.add(
        f"Processor time, share of one core, {what}: `supervise`; triggerer with {waiting} sensors",
        f"{100 * controller:.0f} %; {100 * triggerer:.0f} %",
    )
    calls = f"{ec2_calls_a_minute(run):.0f}"
    figures.add(f"EC2 API calls a minute while `supervise` runs, {what}", calls)


def write_four_hundred_tasks(jobs_folder: Path) -> None:
    types = rentable({"c5.large": (4.0, 0.085)})
    types["c5.large"]["restrictions"]["limits"] = {"on-demand": VMS, "preemptible": VMS}
    environment = environment_of(types)
    environment["global_limits"]["ec2"] = {"on-demand": VMS, "preemptible": VMS}
    write_job_folder(
        jobs_folder / "hundreds",
        {str(task): f"sleep {SECONDS:g}" for task in range(TASKS)},
        [Machine([str(task) for task in range(vm, TASKS, VMS)]) for vm in range(VMS)],
        job_id="hundreds",
        deadline=3600,
        runtime=SECONDS,
        environment=environment,
    )


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

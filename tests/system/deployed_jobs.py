"""The jobs of the tests' deployment: the example, and some that suit a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.job_folders import Machine, environment_of, rentable, write_job_folder
from tests.system.airflow_environment import ROOT
from tests.system.chaos_job import write_chaos_job
from tests.system.hindered_jobs import write_hindered_jobs
from tests.system.interrupted_jobs import write_interrupted_jobs

__all__ = ["write_deployed_jobs", "write_late"]

ONE_OF_EACH = {"on-demand": 1, "preemptible": 1}

FAR_DEADLINE = 900.0
"""Seconds: on a slow machine, too, no run comes so near to it that more VMs are launched for its sake."""

WORK = "synthetic 20 --seconds {seconds} --load 5"


def write_deployed_jobs(folder: Path) -> Path:
    """Write all job folders and return the folder that they are in."""
    shutil.copytree(ROOT / "dags" / "jobs", folder)
    write_late(folder / "late")
    for name in ("pair", "slow_pair"):
        _write_pair(folder / name)
    _write_twins(folder / "twins")
    for name in ("marathon", "slow_to_open", "slow_to_launch", "slow_to_deploy"):
        _write_marathon(folder / name)
    _write_halves(folder / "halves")
    write_interrupted_jobs(folder)
    write_hindered_jobs(folder)
    write_chaos_job(folder / "chaos")
    return folder


def write_late(folder: Path) -> None:
    """A job whose task takes far longer than was estimated, and misses its deadline."""
    settings = {"ec2": {"boot_overhead": 1}}
    command = {"slow": WORK.format(seconds=600)}
    write_job_folder(
        folder, command, [Machine(["slow"])], job_id="late", deadline=20, runtime=5, settings=settings
    )


def _write_pair(folder: Path) -> None:
    """A short job: on each of two VMs, two tasks at once, long enough to be met at work, then one more."""
    seconds = {"a": 25, "b": 25, "c": 5, "d": 25, "e": 25, "f": 5}
    commands = {task_id: WORK.format(seconds=length) for task_id, length in seconds.items()}
    machines = [Machine(["a", "b", "c"]), Machine(["d", "e", "f"], market="spot")]
    write_job_folder(folder, commands, machines, job_id=folder.name, deadline=FAR_DEADLINE, runtime=25)


def _write_twins(folder: Path) -> None:
    """A job that may have no more VMs than it needs, and whose results are no other run's."""
    command = f"cat /proc/sys/kernel/random/uuid > own; {WORK.format(seconds=25)}"
    types = rentable({"c5.large": (4.0, 0.085)})
    types["c5.large"]["restrictions"]["limits"] = ONE_OF_EACH
    environment = {**environment_of(types), "global_limits": {"ec2": ONE_OF_EACH}}
    machines = [Machine(["a", "b", "c"]), Machine(["d", "e", "f"], market="spot")]
    write_job_folder(
        folder,
        dict.fromkeys("abcdef", command),
        machines,
        job_id="twins",
        deadline=FAR_DEADLINE,
        runtime=25,
        environment=environment,
    )


def _write_marathon(folder: Path) -> None:
    """A job that never ends by itself within a test, on an on-demand and a spot VM."""
    commands = dict.fromkeys(["long", "longer"], "synthetic 20 --seconds 600 --load 1")
    machines = [Machine(["long"]), Machine(["longer"], market="spot")]
    write_job_folder(folder, commands, machines, job_id=folder.name, deadline=FAR_DEADLINE, runtime=600)


def _write_halves(folder: Path) -> None:
    """A job of which half is done quickly, and half is long enough for something to happen meanwhile."""
    commands = {"quick": "echo done > out", "slow": WORK.format(seconds=30)}
    machines = [Machine(["quick", "slow"])]
    write_job_folder(folder, commands, machines, job_id="halves", deadline=FAR_DEADLINE, runtime=30)

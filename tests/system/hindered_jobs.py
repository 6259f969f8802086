"""The jobs of the tests in which a run gets nothing, or nothing that works."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.job_folders import Machine, environment_of, rentable, write_job_folder

__all__ = ["BOOT_TIMEOUT", "BROKEN", "CONF", "TASKS", "write_hindered_jobs"]

TASKS = {"a": "echo a > out", "b": "echo b > out"}
"""Of each job of which nothing can be done."""

BROKEN = ("vm-0", "vm-1", "vm-2")
"""The VMs of the job ``broken_vms`` that can't be used, of four."""

BOOT_TIMEOUT = {"no_ssh": 20.0, "broken_vms": 90.0}
"""Seconds until a VM that nobody has reached is given up; those of ``broken_vms`` that work are reached."""

MARGIN = 10.0
"""Seconds after the deadline until a run gives up."""

CONF: Mapping[str, Mapping[str, Any]] = {
    "no_capacity": {"margin": MARGIN},
    "no_ssh": {"margin": MARGIN, "boot_timeout": BOOT_TIMEOUT["no_ssh"]},
    "other_hosts": {"margin": MARGIN},
    "no_bucket": {"margin": MARGIN},
    "broken_vms": {"boot_timeout": BOOT_TIMEOUT["broken_vms"]},
}
"""Values of the DAG's params, by job."""

ONE_TYPE = environment_of(rentable({"c5.large": (4.0, 0.085)}))
"""Another host is given up at once, not after the boot time-out: of each type and market two or three are
tried before there is a pause."""


def write_hindered_jobs(folder: Path) -> None:
    """Write all job folders."""
    for job in ("no_capacity", "no_ssh", "other_hosts"):
        environment = {"environment": ONE_TYPE} if job == "other_hosts" else {}
        deadline = 120.0 if job == "no_ssh" else 60.0  # a late controller waits for the boot time-out too
        _write(
            folder / job, TASKS, [Machine(["a"]), Machine(["b"], "spot")], deadline=deadline, **environment
        )
    slow = {task_id: f"sleep 14; {command}" for task_id, command in TASKS.items()}  # so as to be met at work
    # There is time for all attempts, however late they are.
    _write(folder / "no_bucket", slow, [Machine(["a", "b"])], deadline=300.0)
    commands = {"a": TASKS["a"], "b": "no-such-program"}
    _write(folder / "no_command", commands, [Machine(["a"]), Machine(["b"], "spot")])
    names = ("key", "server", "login", "good")
    _write(
        folder / "broken_vms",
        dict.fromkeys(names, "echo done > out"),
        [Machine([name]) for name in names],
        deadline=500.0,
    )


def _write(folder: Path, commands: Mapping[str, str], machines: list[Machine], **more: Any) -> None:
    write_job_folder(folder, commands, machines, job_id=folder.name, **more)

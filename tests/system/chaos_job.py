"""The job that goes through chaos: tasks that count, whose output proves that each was run whole."""

from __future__ import annotations

from pathlib import Path

from tests.support.job_folders import Machine, environment_of, rentable, write_job_folder
from tests.system.interrupted_jobs import counting

__all__ = ["SECONDS", "TASKS", "write_chaos_job"]

TASKS = tuple(f"t{number}" for number in range(30))
SECONDS = 15.0
"""How long each task counts."""

DEADLINE = 420.0


def write_chaos_job(folder: Path) -> None:
    """Write the job: 30 tasks that count, and a plan of 6 spot VMs of two types for them."""
    kinds = ("c5.large", "m5.large")
    write_job_folder(
        folder,
        dict.fromkeys(TASKS, counting(SECONDS)),
        [Machine(TASKS[vm::6], "spot", kinds[vm % 2]) for vm in range(6)],
        job_id=folder.name,
        deadline=DEADLINE,
        runtime=SECONDS + 3,
        settings={"scheduler": {"policy": "adaptive", "status_update_time": "1", "reaction": "10"}},
        environment=environment_of(rentable({"c5.large": (4.0, 0.085), "m5.large": (8.0, 0.096)})),
    )

"""The jobs of the benchmarks that run on a whole Airflow: 40 tasks on 4 VMs, and 400 on 20."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.job_folders import Machine, environment_of, rentable, write_job_folder

__all__ = ["FORTY", "HUNDREDS", "BenchmarkJob", "write_benchmark_jobs"]


@dataclass(frozen=True)
class BenchmarkJob:
    """Equal tasks, spread evenly over on-demand VMs.

    :param name: of the job's folder and DAG.
    :param seconds: for which each task sleeps.
    :param slots: of each VM.
    """

    name: str
    tasks: int
    vms: int
    seconds: float
    deadline: float
    slots: int = 2

    @property
    def rounds(self) -> int:
        """Tasks that a slot runs one after the other."""
        return self.tasks // (self.vms * self.slots)


FORTY = BenchmarkJob("forty", 40, 4, 10.0, 600.0)
HUNDREDS = BenchmarkJob("hundreds", 400, 20, 45.0, 3600.0)

# The VMs are containers: /proc/uptime is the same clock in all of them and here.
COMMAND = "cat /proc/uptime > begin; sleep {seconds:g}; cat /proc/uptime > end"


def write_benchmark_jobs(folder: Path) -> None:
    """Write all job folders."""
    for job in (FORTY, HUNDREDS):
        _write(folder, job)


def _write(folder: Path, job: BenchmarkJob) -> None:
    limits = {"on-demand": job.vms, "preemptible": job.vms}
    types = rentable({"c5.large": (4.0, 0.085)})
    types["c5.large"]["restrictions"]["limits"] = limits
    task_ids = [str(task) for task in range(job.tasks)]
    write_job_folder(
        folder / job.name,
        dict.fromkeys(task_ids, COMMAND.format(seconds=job.seconds)),
        [Machine(task_ids[vm :: job.vms]) for vm in range(job.vms)],
        job_id=job.name,
        deadline=job.deadline,
        runtime=job.seconds,
        environment={**environment_of(types), "global_limits": {"ec2": limits}},
    )

"""The plan (the original's primary map): which VM runs which task, on which core, when."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_hads.model.environment import Market

__all__ = ["Placement", "Plan", "PlannedVm"]


@dataclass(frozen=True)
class Placement:
    """One task's place on a VM.

    :param core: number of the VM's core, from 0.
    :param start: seconds after the VM is ready.
    :param end: seconds after the VM is ready.
    """

    task_id: str
    core: int
    start: float
    end: float


@dataclass(frozen=True)
class PlannedVm:
    """One VM to launch.

    :param id: the VM's id within the plan, a safe name.
    :param price: $/h.
    :param placements: its tasks; a task is listed once.
    :param cpu_share: the share of a vCPU that each task gets, on a burstable VM in baseline mode; its tasks
        take their runtime divided by it. None is the whole vCPU.
    """

    id: str
    instance_type: str
    market: Market
    price: float
    placements: tuple[Placement, ...]
    cpu_share: float | None = None

    @property
    def end(self) -> float:
        """Seconds from ready to the end of its last task."""
        return max((placement.end for placement in self.placements), default=0.0)

    @property
    def cost(self) -> float:
        """Dollars from ready to the end of its last task; boot is not counted."""
        return self.end * self.price / 3600

    @property
    def task_ids(self) -> tuple[str, ...]:
        """Its tasks in the order in which they start."""
        ordered = sorted(self.placements, key=lambda placement: (placement.start, placement.core))
        return tuple(placement.task_id for placement in ordered)


@dataclass(frozen=True)
class Plan:
    """A whole job's placement.

    :param planner: name of the planner that made it, or of the one named by a given map.
    :param deadline: seconds from the run's start.
    :param d_spot: latest end of work on spot VMs, seconds; None where a given map does not say.
    :param d_spot_rule: ``published`` or ``safe``; None where a given map does not say.
    """

    job_id: str
    job_name: str
    planner: str
    deadline: float
    vms: tuple[PlannedVm, ...]
    d_spot: float | None = None
    d_spot_rule: str | None = None

    @property
    def makespan(self) -> float:
        """Seconds from ready to the end of the last task."""
        return max((vm.end for vm in self.vms), default=0.0)

    @property
    def cost(self) -> float:
        """Dollars over all VMs, without boot."""
        return sum(vm.cost for vm in self.vms)

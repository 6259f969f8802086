"""What a planner is asked: one request for all planners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from airflow_provider_hads.model import Environment, Job

__all__ = ["Objective", "PlanRequest", "SpotDeadlineRule"]


class SpotDeadlineRule(str, Enum):
    """How D_spot, the latest end of work on spot VMs, is found."""

    PUBLISHED = "published"
    """The original's definition: the deadline less the time of the shortest tasks on one on-demand VM."""

    SAFE = "safe"
    """At every moment of the plan, the loss of all spot VMs can be made good on on-demand VMs."""

    def __str__(self) -> str:
        return self.value


class Objective(str, Enum):
    """What a planner that has a choice makes small."""

    COST = "cost"
    MAKESPAN = "makespan"
    WEIGHTED = "weighted"
    """alpha x cost + (1 - alpha) x makespan / D_spot."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class PlanRequest:
    """One job to be planned. A planner ignores what its algorithm has no use for, and says so.

    :param deadline: seconds from the run's start.
    :param lead_time: seconds from the run's start until the VMs are ready. All times of a plan count from
        there, D_spot included. The published algorithms know no boot: results compare with a lead time of 0.
    :param parallel: one task a core at a time; else one task a VM.
    :param alpha: weight of the cost in :attr:`Objective.WEIGHTED`, 0 to 1.
    :param seed: of planners that choose at random; the same request gives the same plan.
    :param time_limit: seconds a searching planner may take; None leaves it its own limit, which counts steps.
    :param clock: returns seconds; a planner reads no clock but this one, and keeps no time limit without it.
    :param boot: seconds from the launch of an on-demand VM to its first task, in a recovery.
    :param reaction: seconds until a loss is noticed and answered, in a recovery.
    :param burstable_factor: burstable VMs as a share of the others, 0 to 1; of planner ``ils`` only.
    :param max_iteration: iterations of planner ``ils``.
    :param vcpu_limit: most vCPUs of all VMs together; None is no limit.
    """

    job: Job
    environment: Environment
    deadline: float
    lead_time: float = 0.0
    parallel: bool = True
    spot_deadline: SpotDeadlineRule = SpotDeadlineRule.PUBLISHED
    objective: Objective = Objective.COST
    alpha: float = 0.5
    seed: int = 0
    time_limit: float | None = None
    boot: float = 180.0
    reaction: float = 90.0
    vcpu_limit: int | None = None
    clock: Callable[[], float] | None = field(default=None, compare=False, repr=False)
    burstable_factor: float = 0.2
    max_iteration: int = 200

    @property
    def horizon(self) -> float:
        """Seconds from the moment the VMs are ready to the deadline; 0 or less if they are ready too late."""
        return self.deadline - self.lead_time

    def slots(self, vcpus: int) -> int:
        """Return how many tasks a VM with that many vCPUs runs at once."""
        return vcpus if self.parallel else 1

"""A plan, and what it is to be compared with."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Plan
from airflow_provider_hads.planning import PlanRequest, get_planner
from airflow_provider_hads.planning.lower_bound import lower_bound

__all__ = ["PlanningResult", "solve"]


@dataclass(frozen=True)
class PlanningResult:
    """A plan, and what it is to be compared with.

    :param seconds: of processor time that the planner took: the same on a busy machine.
    :param on_demand_cost: dollars of the cheapest plan found on non-burstable on-demand VMs alone.
    :param lower_bound: dollars that no plan on non-burstable VMs can go below; None if there is no bound, or
        the plan has burstable VMs, for which it does not hold.
    """

    plan: Plan
    seconds: float
    on_demand_cost: float | None
    lower_bound: float | None

    @property
    def gap(self) -> float | None:
        """Share by which the plan costs more than the bound."""
        return self.plan.cost / self.lower_bound - 1 if self.lower_bound else None


def solve(planner: str, request: PlanRequest) -> PlanningResult:
    """Make the plan.

    :param planner: a registered name.
    :raises InfeasibleJob: there is none.
    """
    start = time.process_time()
    plan = get_planner(planner)(request)
    seconds = time.process_time() - start
    return PlanningResult(plan, seconds, _on_demand_cost(request), _lower_bound(request, plan))


def _on_demand_cost(request: PlanRequest) -> float | None:
    try:
        return get_planner("on-demand")(request).cost
    except InfeasibleJob:
        return None


def _lower_bound(request: PlanRequest, plan: Plan) -> float | None:
    types = request.environment.instance_types
    if any(types[vm.instance_type].burstable for vm in plan.vms):
        return None
    bound = lower_bound(request)
    return bound if math.isfinite(bound) else None

"""D_spot by the safe rule: found by planning."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_hads.model import Plan
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from airflow_provider_hads.planning.request import PlanRequest

__all__ = ["plan_safely"]

HALVINGS = 8


def plan_safely(request: PlanRequest, attempt: Callable[[PlanRequest, float], Plan | None]) -> Plan | None:
    """Return the cheapest plan found that can be recovered at every moment (the latest D_spot of equals).

    Which D_spot is safe depends on the plan that is made with it, so the plan is made with several, by
    halving between 0 and the last moment from which the shortest task could still be run again: later where
    a plan is safe or there is none, earlier where it isn't. If all fail, the job is planned on on-demand
    VMs alone.

    :param attempt: makes the plan for a given D_spot (seconds).
    """
    low, high = 0.0, _latest_possible(request)
    safe: list[Plan] = []
    for _ in range(HALVINGS if high > 0 else 0):
        d_spot = (low + high) / 2
        plan = attempt(request, d_spot)
        if plan is not None and first_unsafe_moment(request, plan) is not None:
            high = d_spot
            continue
        low = d_spot
        if plan is not None:
            safe.append(plan)
    if safe:
        return min(reversed(safe), key=lambda plan: plan.cost)
    return attempt(request, 0.0)


def _latest_possible(request: PlanRequest) -> float:
    runtimes = [min(task.runtimes.values()) for task in request.job.tasks.values() if task.runtimes]
    return request.horizon - request.reaction - request.boot - min(runtimes, default=0.0)

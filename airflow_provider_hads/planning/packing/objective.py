"""Objectives other than the cost: by a latest end that is earlier than the deadline."""

from __future__ import annotations

import math
from collections.abc import Callable

from airflow_provider_hads.model import Plan
from airflow_provider_hads.planning.request import Objective, PlanRequest

__all__ = ["best_cap", "fitness"]

HALVINGS = 10
CAPS = 8


def fitness(request: PlanRequest, plan: Plan) -> float:
    """Return what the search makes small.

    The weighted one is that of Burst-HADS: alpha x dollars + (1 - alpha) x makespan / D_spot (the deadline,
    where no spot work is allowed). Dollars are not normalised, as there.
    """
    if request.objective is Objective.COST:
        return plan.cost
    if request.objective is Objective.MAKESPAN:
        return plan.makespan
    unit = plan.d_spot or request.horizon
    return request.alpha * plan.cost + (1 - request.alpha) * plan.makespan / unit


def best_cap(request: PlanRequest, plan: Plan, attempt: Callable[[float], Plan | None]) -> float:
    """Return the latest end (seconds) with which the cheapest plan is the best by the objective.

    :param plan: one without such an end.
    :param attempt: makes a plan for a given end.
    """
    if request.objective is Objective.COST:
        return math.inf
    shortest = _shortest(plan, attempt)
    if request.objective is Objective.MAKESPAN:
        return shortest.makespan
    ratio = max(plan.makespan / max(shortest.makespan, 1e-9), 1.0) ** (1 / CAPS)
    caps = [shortest.makespan * ratio**power for power in range(CAPS + 1)]
    plans = [(found, cap) for cap in caps if (found := attempt(cap)) is not None]
    return min(((fitness(request, found), cap) for found, cap in plans), default=(0.0, math.inf))[1]


def _shortest(plan: Plan, attempt: Callable[[float], Plan | None]) -> Plan:
    """Return the plan of the earliest end that is found by halving."""
    low, best = 0.0, plan
    for _ in range(HALVINGS):
        middle = (low + best.makespan) / 2
        found = attempt(middle)
        if found is None:
            low = middle
        else:
            best = found
    return best

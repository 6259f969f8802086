"""What all planners share: D_spot by the rule asked for, and why there is no plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Market, Plan
from airflow_provider_hads.planning.binding import Binding, find_binding
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.safe_deadline import plan_safely
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline

__all__ = ["Attempt", "LastAttempt", "plan_or_explain", "rounded_up", "smallest_deadline", "solve"]

Attempt = Callable[[PlanRequest, float], Plan | None]
"""One try of a planner with a given D_spot (seconds); None if it finds no plan."""
LastAttempt = Callable[[PlanRequest], Plan | None]
"""A try with more effort, before a job is refused: its plan is for the request's deadline or a later one."""

DOUBLINGS = 16
HALVINGS = 12
PRECISION = 0.0005
"""Share of the deadline to which the smallest one is found."""
WHOLE_SECONDS_FROM = 100.0
"""Deadlines from here on are looked for in whole seconds."""
NEARER = 0.99
"""Where last attempts know of no later deadline, this share of the smallest one known is tried next."""
LAST_ATTEMPTS = 3


def plan_or_explain(
    request: PlanRequest,
    planner: str,
    attempt: Attempt,
    markets: tuple[Market, ...] = (Market.SPOT, Market.ON_DEMAND),
    last: LastAttempt | None = None,
) -> Plan:
    """Return the plan of one planner, with D_spot by the rule that the request names.

    :param planner: the planner's name, for the message.
    :param markets: those that the planner buys in.
    :param last: tried before the job is refused.
    :raises InfeasibleJob: the planner found none; the message says which limit binds, and the smallest
        deadline that the same planner can meet within the limits, if there is one.
    """
    plan = solve(request, attempt) or (last(request) if last is not None else None)
    if plan is not None and plan.deadline <= request.deadline:
        return plan

    def feasible(asked: PlanRequest) -> bool:
        return _is_feasible(asked, attempt)

    binding = find_binding(request, markets, feasible)
    deadline = plan.deadline if plan is not None else None
    if binding.deadline_helps:
        deadline = smallest_deadline(request, feasible, deadline)
        if plan is None and last is not None and deadline is not None:
            deadline = _nearer(request, deadline, last)
    raise InfeasibleJob(binding.limit, _message(request, planner, binding, deadline), deadline)


def solve(request: PlanRequest, attempt: Attempt) -> Plan | None:
    """Return the plan with D_spot by the rule that the request names, or None."""
    if request.spot_deadline is SpotDeadlineRule.SAFE:
        return plan_safely(request, attempt)
    return attempt(request, published_spot_deadline(request))


def _is_feasible(request: PlanRequest, attempt: Attempt) -> bool:
    """Say whether there is a plan.

    Under the safe rule one without spot work is asked for, which there is wherever there is any: all spot VMs
    could be lost before their first task ends.
    """
    if request.spot_deadline is SpotDeadlineRule.SAFE:
        return attempt(request, 0.0) is not None
    return solve(request, attempt) is not None


def smallest_deadline(
    request: PlanRequest, feasible: Callable[[PlanRequest], bool], known: float | None = None
) -> float | None:
    """Return the smallest deadline (seconds) that was seen to be feasible, or None.

    The number of tries is bounded. A heuristic planner may fail at a larger deadline than one it can meet,
    so that a still smaller one may exist.

    :param request: one that has no plan at its own deadline.
    :param known: seconds; a deadline that is known to be feasible.
    """

    def met(deadline: float) -> bool:
        return feasible(replace(request, deadline=deadline))

    low = request.deadline
    high = known if known is not None else _first_met(_least(request), met)
    if high is None:
        return None
    for _ in range(HALVINGS):
        middle = rounded_up((low + high) / 2)
        if high - low <= PRECISION * high or not low < middle < high:
            break
        if met(middle):
            high = middle
        else:
            low = middle
    return high


def _least(request: PlanRequest) -> float:
    """Return the request's deadline or, if it is later, what the longest task takes alone."""
    runtimes = [min(task.runtimes.values()) for task in request.job.tasks.values() if task.runtimes]
    return max(request.deadline, request.lead_time + max(runtimes, default=0.0))


def _nearer(request: PlanRequest, deadline: float, last: LastAttempt) -> float:
    """Return a deadline that is a bit smaller, if there is still a plan by then."""
    for _ in range(LAST_ATTEMPTS):
        tried = rounded_up(deadline * NEARER)
        if not request.deadline < tried < deadline:
            break
        plan = last(replace(request, deadline=tried))
        if plan is None or plan.deadline > tried:
            break
        deadline = tried
    return deadline


def _first_met(low: float, met: Callable[[float], bool]) -> float | None:
    """Return the first that can be met of the deadlines 2, 4, 8, ... times as large."""
    for power in range(1, DOUBLINGS + 1):
        deadline = rounded_up(max(low, 1.0) * 2**power)
        if met(deadline):
            return deadline
    return None


def rounded_up(seconds: float) -> float:
    """Return a deadline as it is told: in whole seconds, unless there are few."""
    return float(math.ceil(seconds)) if seconds >= WHOLE_SECONDS_FROM else seconds


def _message(request: PlanRequest, planner: str, binding: Binding, deadline: float | None) -> str:
    start = (
        f"job {request.job.id} ({_tasks(request)}) has no plan for its deadline of {_deadline(request)}; "
        f"the binding limit is the {binding.limit}: {binding.reason}"
    )
    if deadline is not None:
        return (
            f"{start}. The smallest deadline that planner {planner} can meet within the limits is "
            f"{deadline:g} s; else it takes {binding.remedy}."
        )
    if binding.deadline_helps:
        return f"{start}. Planner {planner} met no larger deadline either; it takes {binding.remedy}."
    return f"{start}. No larger deadline helps; it takes {binding.remedy}."


def _tasks(request: PlanRequest) -> str:
    count = len(request.job.tasks)
    return "1 task" if count == 1 else f"{count} tasks"


def _deadline(request: PlanRequest) -> str:
    lead = f" ({request.lead_time:g} s of it until the VMs are ready)" if request.lead_time else ""
    return f"{request.deadline:g} s{lead}"

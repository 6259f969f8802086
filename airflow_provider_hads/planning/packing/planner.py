"""``packing``: the planner that searches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from airflow_provider_hads.model import Market, Plan
from airflow_provider_hads.planning.cc import attempt_cc
from airflow_provider_hads.planning.feasibility import plan_or_explain, rounded_up, solve
from airflow_provider_hads.planning.on_demand import cheaper_on_demand
from airflow_provider_hads.planning.packing.effort import Effort, full_effort, quick_effort
from airflow_provider_hads.planning.packing.instance import BOTH, compile_instance
from airflow_provider_hads.planning.packing.objective import best_cap, fitness
from airflow_provider_hads.planning.packing.search import search
from airflow_provider_hads.planning.packing.tightest import tightest_plan
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from airflow_provider_hads.planning.request import Objective, PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline
from airflow_provider_hads.planning.stopping import Stop, never, stop_of

__all__ = ["attempt_packing", "plan_packing"]

NAME = "packing"
EARLIER = (0.99, 0.97, 0.93)
"""Shares of a safe D_spot that the full search is tried with."""
MOST_TASKS = 500
"""Tasks up to which a job whose memory may bind is searched with all effort before it is refused."""


def plan_packing(request: PlanRequest) -> Plan:
    """Plan a job as well as a search finds.

    1. The linear relaxation (:mod:`~airflow_provider_hads.planning.packing.ascent`) gives each kind of VM a
       price for its time. Where all tasks are alike, a dynamic program gives the cheapest rounds of each VM,
       and is all.
    2. As many VMs are opened as the relaxation has work for, and the tasks, longest first, go where they cost
       least at those prices: the cheapest work first, on-demand VMs for what is left over, the cores of a VM
       ending together.
    3. Annealing moves and exchanges tasks, at temperatures of 5 % to 0.05 % of the mean task's cost; VMs are
       closed, opened and replaced, and the fleet annealed again.
    4. Where memory may bind, tasks that need all of it together fill the first fleets; for small jobs others
       are sketched by sums of what tasks use
       (:mod:`~airflow_provider_hads.planning.packing.memory_sketch`), and only the cheapest go on. The orders
       in which tasks start are annealed.

    Where the published greedy or the search on on-demand VMs alone has found a cheaper plan, or the only one,
    it is that. Before a job is refused, all VMs that the limits allow are tried, whatever they cost
    (:mod:`~airflow_provider_hads.planning.packing.tightest`).

    The steps are counted, so that the same request gives the same plan; with a ``time_limit`` and a ``clock``
    the search ends or goes on until then. D_spot under the safe rule: a quick search finds one that is safe,
    the full one is made with it, or with an earlier one if its plan isn't safe. The other objectives are met
    by an earlier end (:mod:`~airflow_provider_hads.planning.packing.objective`). Burstable types are not
    used.

    :raises InfeasibleJob: no plan was found.
    """
    asked, stop = request, stop_of(request)
    first = plan_or_explain(request, NAME, attempt_packing, last=_last_attempt)
    if not first.vms:
        return first
    effort = _full_effort(request, stop or never)
    best = _improved(request, first, effort)
    while stop is not None and not stop():
        request = replace(request, seed=request.seed + 1)
        best = _improved(request, best, effort)
    others = (solve(request, _greedy), _on_demand(asked, best))
    return min([best, *filter(None, others)], key=lambda plan: fitness(request, plan))


def _full_effort(request: PlanRequest, stop: Stop = never) -> Effort:
    return full_effort(len(request.job.tasks), len(request.environment.instance_types), stop)


def _on_demand(request: PlanRequest, plan: Plan) -> Plan | None:
    """Return the plan that ``on-demand`` makes, if it is cheaper: its cost is told beside this one's."""
    if request.objective is not Objective.COST:
        return None
    found = cheaper_on_demand(request, plan.cost)
    return found and replace(found, planner=NAME, d_spot=plan.d_spot, d_spot_rule=plan.d_spot_rule)


def attempt_packing(request: PlanRequest, d_spot: float) -> Plan | None:
    """Return a plan by a quick search with that D_spot, or None."""
    found = _attempt(request, d_spot, quick_effort(len(request.job.tasks)))
    return found or _greedy(request, d_spot)


def _last_attempt(request: PlanRequest) -> Plan | None:
    """Return the plan of the earliest deadline or, where memory may bind, one by a full search."""
    plan = tightest_plan(request, NAME, rounded_up)
    tasks = len(request.job.tasks)
    if plan is not None or tasks > MOST_TASKS:
        return plan
    safe = request.spot_deadline is SpotDeadlineRule.SAFE
    return _attempt(request, 0.0 if safe else published_spot_deadline(request), _full_effort(request))


def _greedy(request: PlanRequest, d_spot: float) -> Plan | None:
    """Return what the published greedy makes of it, or None: it succeeds, rarely, where the search fails."""
    plan = attempt_cc(request, d_spot)
    return None if plan is None else replace(plan, planner=NAME)


def _improved(request: PlanRequest, plan: Plan, effort: Effort) -> Plan:
    """Search with all effort; return the best of the given plan and those found."""
    return min([plan, *_found(request, plan, effort)], key=lambda found: fitness(request, found))


def _found(request: PlanRequest, plan: Plan, effort: Effort) -> Iterator[Plan]:
    """Yield a plan with the same D_spot or, where that is not safe, an earlier one, with less effort."""
    shares = EARLIER if request.spot_deadline is SpotDeadlineRule.SAFE else (1.0,)
    for number, share in enumerate(shares):
        d_spot = (plan.d_spot or 0.0) * share
        tried = effort.part(2**number)

        def quickly(cap: float, d_spot: float = d_spot) -> Plan | None:
            return _attempt(request, d_spot, quick_effort(len(request.job.tasks)), cap=cap)

        better = _attempt(request, d_spot, tried, cap=best_cap(request, plan, quickly))
        if better is not None and _is_safe(request, better):
            yield better
            return


def _is_safe(request: PlanRequest, plan: Plan) -> bool:
    return request.spot_deadline is SpotDeadlineRule.PUBLISHED or first_unsafe_moment(request, plan) is None


def _attempt(
    request: PlanRequest,
    d_spot: float,
    effort: Effort,
    markets: tuple[Market, ...] = BOTH,
    cap: float = float("inf"),
) -> Plan | None:
    vms = search(compile_instance(request, d_spot, markets, cap), effort, request.seed)
    if vms is None:
        return None
    job, rule = request.job, request.spot_deadline.value
    return Plan(job.id, job.name, NAME, request.deadline, tuple(vms), d_spot, rule)

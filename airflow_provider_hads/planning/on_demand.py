"""``on-demand``: a cheap plan without spot VMs, to compare the others with."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.model import Market, Plan
from airflow_provider_hads.planning.feasibility import plan_or_explain, rounded_up
from airflow_provider_hads.planning.packing.ascent import best_prices
from airflow_provider_hads.planning.packing.effort import Effort, comparison_effort, quick_effort
from airflow_provider_hads.planning.packing.instance import compile_instance
from airflow_provider_hads.planning.packing.search import search
from airflow_provider_hads.planning.packing.tightest import tightest_plan
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.stopping import stop_of

__all__ = ["cheaper_on_demand", "plan_on_demand"]

NAME = "on-demand"
MARKETS = (Market.ON_DEMAND,)
ROUGH_PRICES = (0, 0)
"""How far the relaxation is solved to see whether a search is worth while."""


def plan_on_demand(request: PlanRequest) -> Plan:
    """Plan a job on non-burstable on-demand VMs alone, as cheaply as the search of ``packing`` finds.

    Its cost is an upper bound of the cheapest on-demand plan's. D_spot and objective are ignored.

    :raises InfeasibleJob: no plan was found.
    """
    # Without spot work every plan is safe: the rule that is quicker will do.
    request = replace(request, spot_deadline=SpotDeadlineRule.PUBLISHED)
    return _improved(request, plan_or_explain(request, NAME, _attempt, MARKETS, _last_attempt))


def cheaper_on_demand(request: PlanRequest, cost: float) -> Plan | None:
    """Return the plan of :func:`plan_on_demand` if it costs less than that, else None.

    Where the relaxation proves that none does, as it is wherever spot VMs are cheap, nothing is searched.

    :param cost: dollars.
    """
    request = replace(request, spot_deadline=SpotDeadlineRule.PUBLISHED)
    instance = compile_instance(request, 0.0, MARKETS)
    if not instance.tasks or not instance.solvable:
        return None
    relaxation, prices = best_prices(instance, *ROUGH_PRICES)
    if relaxation.value(prices) >= cost:
        return None
    first = _attempt(request, 0.0) or _last_attempt(request)
    if first is None or first.deadline > request.deadline:
        return None
    plan = _improved(request, first)
    return plan if plan.cost < cost else None


def _improved(request: PlanRequest, first: Plan) -> Plan:
    effort = comparison_effort(len(request.job.tasks), len(request.environment.instance_types))
    stop = stop_of(request)
    effort = effort if stop is None else replace(effort, stop=stop)
    better = _search(request, effort)
    return first if better is None or better.cost > first.cost else better


def _attempt(request: PlanRequest, _d_spot: float) -> Plan | None:
    """Return a plan by a quick search; the deadline of spot work plays no part."""
    return _search(request, quick_effort(len(request.job.tasks)))


def _last_attempt(request: PlanRequest) -> Plan | None:
    """Return the plan of the earliest deadline."""
    plan = tightest_plan(request, NAME, rounded_up, MARKETS)
    return None if plan is None else replace(plan, d_spot=None, d_spot_rule=None)


def _search(request: PlanRequest, effort: Effort) -> Plan | None:
    vms = search(compile_instance(request, 0.0, MARKETS), effort, request.seed)
    return None if vms is None else Plan(request.job.id, request.job.name, NAME, request.deadline, tuple(vms))

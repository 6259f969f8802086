"""A proven lower bound of the cost of every plan."""

from __future__ import annotations

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning.draft import can_run
from airflow_provider_hads.planning.packing.ascent import best_prices
from airflow_provider_hads.planning.packing.equal_tasks import are_equal, best_rounds, scalings
from airflow_provider_hads.planning.packing.fleet_bound import fleet_bound
from airflow_provider_hads.planning.packing.instance import compile_instance
from airflow_provider_hads.planning.packing.long_tasks import long_task_bound
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline

__all__ = ["lower_bound"]

ROUNDING = 1e-7
"""What sums of floating point numbers may have added to a bound: it is taken off, so that it stays one."""

STAGES, LARGE = 3, 40
"""How far the relaxation is solved, and with how many resources of large tasks."""


def lower_bound(request: PlanRequest) -> float:
    """Return dollars that no plan within deadline, D_spot and limits costs less than; without boot.

    It is the largest of these: the dearest task alone (its VM lives as long as it runs), the linear
    relaxation (:class:`~airflow_provider_hads.planning.packing.relaxation.Relaxation`), the same with the VM
    of a long task taken out of it (:mod:`~airflow_provider_hads.planning.packing.long_tasks`), the same with
    whole VMs where a limit over all types makes them scarce
    (:mod:`~airflow_provider_hads.planning.packing.fleet_bound`), and, where all tasks are alike, the knapsack
    of their rounds. It says nothing about burstable types, on which only
    ``ils`` plans. Under the safe rule, D_spot is taken as late as any safe plan could have it. It is infinite
    or very large where there is no plan.
    """
    instance = compile_instance(request, _latest_spot_work(request))
    if not instance.solvable:
        return float("inf")
    if not instance.tasks:
        return 0.0
    relaxation, prices = best_prices(instance, STAGES, LARGE)
    bounds = [
        instance.dearest_task(),
        long_task_bound(relaxation, prices),
        fleet_bound(relaxation, prices, LARGE),
    ]
    if are_equal(instance):
        bounds += [best_rounds(instance, scaled).bound for scaled in scalings(prices)]
    return max(bounds) * (1 - ROUNDING)


def _latest_spot_work(request: PlanRequest) -> float:
    """Return the latest end of spot work that the rule could allow, whatever the plan.

    Under the safe rule the shortest task, lost right before its end, must still fit on demand.
    """
    if request.spot_deadline is SpotDeadlineRule.PUBLISHED:
        return published_spot_deadline(request)
    types = request.environment.instance_types.values()
    reserve = [kind for kind in types if kind.burstable is None and kind.limit(Market.ON_DEMAND) > 0]
    re_runs = [
        task.runtime(kind.name)
        for task in request.job.tasks.values()
        for kind in reserve
        if can_run(kind, task)
    ]
    return request.horizon - request.reaction - request.boot - min(re_runs, default=request.horizon)

"""``ils``: greedy, iterated local search, burstable allocation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from airflow_provider_hads.model import Plan, Task
from airflow_provider_hads.planning.cc import attempt_cc, task_orders
from airflow_provider_hads.planning.feasibility import plan_or_explain
from airflow_provider_hads.planning.ils.burstables import NAME, allocate_burstables
from airflow_provider_hads.planning.ils.fleet import SearchFleet
from airflow_provider_hads.planning.ils.search import Found, LocalSearch, weighted_fitness
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.stopping import never, stop_of

__all__ = ["plan_ils"]

SAFE_TRIES = 8
"""Solutions that are asked whether they can be recovered, before the greedy's is taken."""


def plan_ils(request: PlanRequest) -> Plan:
    """Plan a job with the published iterated local search of Burst-HADS (IEEE TCC 11(1), 2023).

    From the greedy's solution (:func:`~airflow_provider_hads.planning.cc.plan_cc`), ``max_iteration`` times:
    perturb (a VM of a random type is opened and gets two random tasks), then 100 times each of: exchange the
    VMs of two random tasks; put two random tasks on a random VM; put up to a tenth of all tasks on a random
    VM, until that is better. A change is kept if it lowers the fitness, alpha x cost + (1 - alpha) x
    makespan / D_spot; a VM that ends after D_spot makes it infinite. After 20 iterations without a better
    solution D_spot is relaxed by a quarter. The best solution by the true D_spot then goes through the
    burstable allocation: tasks that violate D_spot move to burstable VMs, and ``burstable_factor`` x the
    number of VMs of these are opened and take the last tasks of the VMs that end last, all in baseline mode.

    Objective ``weighted`` is the published fitness; ``cost`` and ``makespan`` are alpha 1 and 0. With a
    ``time_limit`` and a ``clock`` the search may end earlier; without, the same request gives the same plan.

    Deviations from the published program:

    - Tasks have any ids. The original needs 0 to N - 1. A VM takes its tasks in the greedy's order (by
      memory), not by id, so that the search starts from what the greedy has made.
    - On-demand VMs are opened: by the greedy where spot VMs don't do, then also by the perturbation where the
      limits allow no spot VM, and by the allocation. They must end by the deadline. The original gives up on
      such a job.
    - Limits hold per type and market, per market over all types, and for vCPUs. Idle VMs of earlier
      perturbations make room for new ones; the original counts what it once drew, rejected or burstable.
    - Memory is checked by the sum of what runs at each moment.
    - A relaxed D_spot is never later than the deadline, all solutions are compared by one D_spot, and 20 more
      iterations pass before it is relaxed again. The original compares fitness by different D_spots.
    - Burstable tasks take runtime / baseline, always; the original multiplies by baseline / 10, and runs some
      at full speed.
    - A violating task is put on one burstable VM, and where there is none for it, on an added VM or a new
      on-demand one. The original puts it on every burstable VM at once.
    - A burstable VM takes the last task of the VM that ends last of those whose last task it can end by the
      makespan, else by the deadline. The original does not look when it ends.
    - A burstable VM that the limits do not allow, or that can end no task in time, is left out. The original
      stops with an error.
    - The best solution within D_spot goes through the allocation, too, and the better of the two plans is
      taken. The original compares before the violating tasks have moved, when the violation costs nothing.
    - If not all violating tasks find a place, or under the ``safe`` rule a loss could not be made good, an
      earlier solution is taken, or one without burstable VMs, the greedy's at last.
    - D_spot by the ``safe`` rule is that of the greedy's plan.

    :raises InfeasibleJob: the greedy found no plan, so there is nothing to start from.
    """
    stop = stop_of(request) or never
    first = replace(plan_or_explain(request, NAME, attempt_cc), planner=NAME)
    d_spot = first.d_spot or 0.0
    tasks = _order(request, first)
    search = LocalSearch(request, SearchFleet.of_plan(request, first, tasks), tasks, d_spot)
    search.run(request.max_iteration, stop)
    plans = _plans(request, search, tasks, d_spot)
    return next((plan for plan in plans if _is_safe(request, plan)), first)


def _order(request: PlanRequest, plan: Plan) -> list[Task]:
    """Return the order in which the greedy has placed the tasks: the one that gives the plan's ends again."""
    by_memory, by_runtime = task_orders(request)
    again = SearchFleet.of_plan(request, plan, by_memory)
    return by_memory if again.ends == [vm.end for vm in plan.vms] else by_runtime


def _plans(request: PlanRequest, search: LocalSearch, tasks: Sequence[Task], d_spot: float) -> Iterator[Plan]:
    """Yield plans: the better one of the two best solutions, the other, those of earlier solutions.

    After all of them come the same without burstable VMs.
    """
    best = [one for one in (search.sound[-1], search.violating) if one is not None]
    earlier = search.sound[-2 :: -max(1, len(search.sound) // SAFE_TRIES)]
    for factor in {request.burstable_factor: None, 0.0: None}:

        def plans(found: Iterable[Found], factor: float = factor) -> Iterator[Plan]:
            all_plans = (allocate_burstables(request, one.fleet, tasks, d_spot, factor) for one in found)
            return (plan for plan in all_plans if plan is not None)

        yield from sorted(plans(best), key=lambda plan: _plan_fitness(request, plan, d_spot))
        yield from plans(earlier)


def _plan_fitness(request: PlanRequest, plan: Plan, d_spot: float) -> float:
    return weighted_fitness(request, plan.cost, plan.makespan, d_spot)


def _is_safe(request: PlanRequest, plan: Plan) -> bool:
    return request.spot_deadline is not SpotDeadlineRule.SAFE or first_unsafe_moment(request, plan) is None

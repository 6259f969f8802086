"""``on-demand``: a cheap plan without spot VMs, to compare the others with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from airflow_provider_hads.model import InstanceType, Market, Plan, Task
from airflow_provider_hads.planning.draft import DraftVm, FleetDraft, can_run, full_speed_types
from airflow_provider_hads.planning.feasibility import plan_or_explain
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.timeline import Slot

__all__ = ["plan_on_demand"]

NAME = "on-demand"
PREFERRED_TYPES = 4


def plan_on_demand(request: PlanRequest) -> Plan:
    """Plan a job on non-burstable on-demand VMs alone, as cheaply as a few greedy passes find.

    Its cost is an upper bound of the cheapest on-demand plan's. Each pass places the tasks one by one
    (longest or largest first), each where it adds least to the cost: on an open VM, or on a new one of the
    pass's types. The passes differ in the order of the tasks and in the type that new VMs are of first; the
    cheapest plan of all passes is returned. D_spot, objective, seed and time limit are ignored.

    :raises InfeasibleJob: no plan was found.
    """
    # Without spot work every plan is safe: the rule that is quicker will do.
    request = replace(request, spot_deadline=SpotDeadlineRule.PUBLISHED)
    return plan_or_explain(request, NAME, _attempt, (Market.ON_DEMAND,))


def _attempt(request: PlanRequest, d_spot: float) -> Plan | None:
    """Return the cheapest plan of all passes; the deadline of spot work plays no part."""
    tasks = list(request.job.tasks.values())
    types = _by_cost_of_work(request, tasks)
    passes = product(_orders(tasks), _preferences(types))
    drafts = (_fill(request, order, preference) for order, preference in passes)
    plans = [draft.plan(NAME, None) for draft in drafts if draft is not None]
    return min(plans, key=lambda plan: plan.cost, default=None)


def _orders(tasks: list[Task]) -> list[list[Task]]:
    longest_first = sorted(tasks, key=lambda task: max(task.runtimes.values(), default=0.0), reverse=True)
    largest_first = sorted(longest_first, key=lambda task: task.memory, reverse=True)
    return [longest_first, largest_first]


def _preferences(types: list[InstanceType]) -> list[list[InstanceType]]:
    """Return the types by cost of work, and the same with each of the best few in front."""
    return [[first, *(kind for kind in types if kind is not first)] for first in types[:PREFERRED_TYPES]]


def _by_cost_of_work(request: PlanRequest, tasks: list[Task]) -> list[InstanceType]:
    """Return the types that can run a task, by dollars for the mean task on a full VM."""
    costs: list[tuple[float, InstanceType]] = []
    types = request.environment.instance_types.values()
    for kind in full_speed_types(types, Market.ON_DEMAND):
        runtimes = [task.runtime(kind.name) for task in tasks if can_run(kind, task)]
        if runtimes:
            work = sum(runtimes) / len(runtimes) / request.slots(kind.vcpus)
            costs.append((work * kind.price(Market.ON_DEMAND), kind))
    return [kind for _, kind in sorted(costs, key=lambda pair: pair[0])]


def _fill(request: PlanRequest, order: list[Task], types: Sequence[InstanceType]) -> FleetDraft | None:
    """Place the tasks in that order; None if one finds no place."""
    draft = FleetDraft(request)
    for task in order:
        place = _cheapest_place(draft.vms, task, request.horizon) or _new_vm(
            draft, task, types, request.horizon
        )
        if place is None:
            return None
        vm, slot = place
        vm.insert(task, slot)
    return draft


def _cheapest_place(vms: list[DraftVm], task: Task, horizon: float) -> tuple[DraftVm, Slot] | None:
    """Return the place on an open VM that adds least to the cost, then ends first."""
    places: list[tuple[float, float, int, Slot]] = []
    for index, vm in enumerate(vms):
        slot = vm.earliest(task, horizon)
        if slot is not None:
            added = max(slot.end - vm.timeline.makespan, 0.0) * vm.price
            places.append((added, slot.end, index, slot))
    if not places:
        return None
    *_, index, slot = min(places)
    return vms[index], slot


def _new_vm(
    draft: FleetDraft, task: Task, types: Sequence[InstanceType], horizon: float
) -> tuple[DraftVm, Slot] | None:
    """Open a VM of the first type that is within the limits and ends the task in time."""
    for kind in types:
        if not can_run(kind, task) or not draft.allows(kind, Market.ON_DEMAND):
            continue
        if task.runtime(kind.name) <= horizon:
            return draft.open(kind, Market.ON_DEMAND), Slot(0, 0.0, task.runtime(kind.name))
    return None

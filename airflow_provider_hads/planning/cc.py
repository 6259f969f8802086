"""``cc``: the published greedy of HADS."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

from airflow_provider_hads.model import InstanceType, Market, Plan, Task
from airflow_provider_hads.planning.draft import DraftVm, FleetDraft, full_speed_types
from airflow_provider_hads.planning.feasibility import plan_or_explain
from airflow_provider_hads.planning.request import PlanRequest
from airflow_provider_hads.planning.round_robin import weighted_round_robin
from airflow_provider_hads.planning.timeline import Slot

__all__ = ["attempt_cc", "plan_cc", "spot_weights", "task_orders"]

NAME = "cc"
TOP_WEIGHT = 3
BOTTOM_WEIGHT = 1
LEAST_PRICE = 1e-9
"""$/h that a free spot type is ranked by."""


def plan_cc(request: PlanRequest) -> Plan:
    """Plan a job with the published greedy ("CC", IEEE Transactions on Cloud Computing 11(1), 2023).

    Tasks in descending order of memory go, each, to the first of: an open VM, by ascending makespan; a new
    spot VM, its type from a weighted round robin by gflops per spot price; a new on-demand VM, by ascending
    price; such that the task ends before D_spot on a spot VM, before the deadline on an on-demand one.
    Burstable types are not planned on. It does not search: objective, seed and time limit are ignored.

    Deviations from the published program:

    - Limits count VMs per type *and* market, and per market over all types, and vCPUs where a limit is given.
      The original counts both markets of a type in one figure and forgets the limits over all types.
    - Memory is checked by the sum of what runs at each moment (see
      :class:`~airflow_provider_hads.planning.timeline.Timeline`).
    - A type that can't run a task (no estimate, too little memory) is passed over. The original crashes.
    - Without spot types, or with all of one rank, it goes on (all weights 1). The original crashes.
    - The original gives up on a task when none of the above holds. Here the task is tried once more: on every
      open VM, every spot and every on-demand type (the round robin offers only as many turns as there are
      types, and may pass some over), and with an end right at D_spot or the deadline.
    - If that fails too, all is done again with the longest tasks first.
    - VM ids are ``vm-0``, ``vm-1``, ... in the order of opening: the same request gives the same plan.

    :raises InfeasibleJob: no plan was found.
    """
    return plan_or_explain(request, NAME, attempt_cc)


def spot_weights(types: Sequence[InstanceType]) -> list[int]:
    """Return each type's weight in the round robin, 1 to 3, by gflops per spot price."""
    ranks = [kind.gflops / max(kind.price(Market.SPOT), LEAST_PRICE) for kind in types]
    low, high = min(ranks, default=0.0), max(ranks, default=0.0)
    if low == high:
        return [BOTTOM_WEIGHT] * len(ranks)
    span = TOP_WEIGHT - BOTTOM_WEIGHT
    return [math.ceil((rank - low) / (high - low) * span) + BOTTOM_WEIGHT for rank in ranks]


def task_orders(request: PlanRequest) -> tuple[list[Task], list[Task]]:
    """Return the tasks in the orders that are tried: by memory, then by runtime, largest first."""
    tasks = request.job.tasks.values()
    by_memory = sorted(tasks, key=lambda task: task.memory, reverse=True)
    by_runtime = sorted(tasks, key=lambda task: min(task.runtimes.values(), default=0.0), reverse=True)
    return by_memory, by_runtime


def attempt_cc(request: PlanRequest, d_spot: float) -> Plan | None:
    """Return the plan with that D_spot, or None."""
    for order in task_orders(request):
        greedy = _Greedy(request, d_spot)
        if all(greedy.place(task) for task in order):
            return greedy.draft.plan(NAME, d_spot)
    return None


class _Greedy:
    """One pass of the greedy."""

    def __init__(self, request: PlanRequest, d_spot: float) -> None:
        types = request.environment.instance_types.values()
        self.draft = FleetDraft(request)
        self._latest = {Market.SPOT: d_spot, Market.ON_DEMAND: request.horizon}
        self._spot = full_speed_types(types, Market.SPOT)
        self._on_demand = full_speed_types(types, Market.ON_DEMAND)
        self._on_demand.sort(key=lambda kind: kind.price(Market.ON_DEMAND))
        self._turns = weighted_round_robin(list(zip(self._spot, spot_weights(self._spot), strict=True)))
        # Sorted again for every task, in place: equal makespans keep the order of the time before.
        self._by_makespan: list[DraftVm] = []

    def place(self, task: Task) -> bool:
        """Place one task by the published rules, then by the last resort; say whether it was placed."""
        turns = islice(self._turns, len(self._spot))
        return (
            self._reuse(task)
            or self._open(task, turns, Market.SPOT)
            or self._open(task, iter(self._on_demand), Market.ON_DEMAND)
            or self._last_resort(task)
        )

    def _last_resort(self, task: Task) -> bool:
        return (
            self._reuse(task, exact=True)
            or self._open(task, iter(self._spot), Market.SPOT, exact=True)
            or self._open(task, iter(self._on_demand), Market.ON_DEMAND, exact=True)
        )

    def _reuse(self, task: Task, exact: bool = False) -> bool:
        """Put the task on the first open VM that ends it in time."""
        self._by_makespan.sort(key=lambda vm: vm.timeline.makespan)
        for vm in self._by_makespan:
            slot = vm.earliest(task, self._latest[vm.market])
            if slot is not None and self._in_time(slot.end, vm.market, exact):
                vm.insert(task, slot)
                return True
        return False

    def _open(self, task: Task, types: Iterator[InstanceType], market: Market, exact: bool = False) -> bool:
        """Open a VM for the task, of the first type that is within the limits and ends it in time."""
        for kind in types:
            runtime = task.runtimes.get(kind.name)
            if runtime is None or task.memory > kind.memory or not self.draft.allows(kind, market):
                continue
            if self._in_time(runtime, market, exact):
                vm = self.draft.open(kind, market)
                vm.insert(task, Slot(0, 0.0, runtime))
                self._by_makespan.append(vm)
                return True
        return False

    def _in_time(self, end: float, market: Market, exact: bool) -> bool:
        """Compare as the original does (strictly before), or let the task end at the very last moment."""
        return end <= self._latest[market] if exact else end < self._latest[market]

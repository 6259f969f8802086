"""Search over fleets where memory may bind: VMs are closed and opened, and their tasks placed anew."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_annealing import anneal_orders
from airflow_provider_hads.planning.packing.memory_filling import fill_from_pool
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.memory_regrouping import regroup_orders, use_of_choices
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["improve_orders"]

CHANGES = ((1, 1), (1, 1), (1, 0), (1, 0), (2, 1), (1, 2), (0, 1))
"""VMs that are closed and opened at once."""
HORIZONS = (1.0, 1.0, 0.8, 0.5)
"""Shares of the latest end up to which a new VM is filled."""
REGROUPED = 0.8
"""Share of the changes that leave all but a few VMs as they are."""
LEAST_REGROUPINGS, REGROUPINGS, REGROUPED_TASKS = 6, 40, 900
"""Of so many such changes the cheapest is annealed: of fewer, where a VM has more tasks."""
SHARE = 0.5
"""How much of a VM's price counts for the work that it does, where tasks are placed anew."""


def improve_orders(
    fleet: MemoryFleet, rng: Random, steps: int, tries: int, hot: float, cold: float, slack: float, stop: Stop
) -> MemoryFleet:
    """Return the cheapest fleet seen while VMs are closed, opened and replaced at random.

    :param steps: of annealing, after each change.
    :param hot: temperature at first, dollars.
    :param cold: at last.
    :param slack: share by which a fleet to go on from may be dearer than the last one, at first.
    """
    best, weights = fleet, use_of_choices(fleet.instance)
    cost = best_cost = fleet.cost()
    for number in range(tries):
        if stop():
            break
        if number == tries // 2:
            fleet, cost = best, best_cost
        if rng.random() < REGROUPED:
            changed = regroup_orders(fleet, weights, rng, _regroupings(fleet))
        else:
            changed = _changed(fleet, rng)
        if changed is None:
            continue
        changed_cost = anneal_orders(changed, rng, steps, hot, cold, SHARE, stop)
        if changed_cost < cost * (1 + slack * (1 - number / tries)):
            fleet, cost = changed, changed_cost
        if changed_cost < best_cost:
            best, best_cost = changed, changed_cost
    return best.copy()


def _regroupings(fleet: MemoryFleet) -> int:
    most = REGROUPED_TASKS * len(fleet.choice) // len(fleet.vm_of)
    return max(LEAST_REGROUPINGS, min(most, REGROUPINGS))


def _changed(fleet: MemoryFleet, rng: Random) -> MemoryFleet | None:
    """Return a fleet of some other VMs, or None if not all tasks find a place there."""
    closed, opened = rng.choice(CHANGES)
    used = [vm for vm, order in enumerate(fleet.orders) if order]
    closing = set(rng.sample(used, min(closed, len(used))))
    kept = [vm for vm in used if vm not in closing]
    left = [task for vm in closing for task in fleet.orders[vm]]
    if not closing:
        left = fleet.orders[rng.choice(used)][::2]
    taken = set(left)
    orders = [[task for task in fleet.orders[vm] if task not in taken] for vm in kept]
    rebuilt = _Rebuilt(fleet.instance, [fleet.choice[vm] for vm in kept], orders)
    for _ in range(opened):
        left = rebuilt.open_any(left, rng)
    return rebuilt.fleet() if rebuilt.place(left) else None


class _Rebuilt:
    """VMs in the making, and how many of each choice there are."""

    def __init__(self, instance: Instance, choices: list[int], orders: list[list[int]]) -> None:
        self.instance = instance
        self.state = MemoryFleet(instance, choices, orders)
        self.counts = Fleet(instance)
        for choice in choices:
            self.counts.open(choice)

    def open_any(self, tasks: list[int], rng: Random) -> list[int]:
        """Open a VM of any choice for some of the tasks; return the others."""
        allowed = [choice for choice in range(len(self.instance.choices)) if self.counts.allows(choice)]
        if not allowed:
            return tasks
        return self._open(rng.choice(allowed), tasks, rng.choice(HORIZONS))

    def _open(self, choice: int, tasks: Sequence[int], share: float) -> list[int]:
        pool = sorted((self.instance.memory[task], task) for task in tasks)
        order = fill_from_pool(self.instance, choice, pool, self.instance.choices[choice].latest * share)
        self.counts.open(choice)
        self.state.add(choice, order)
        return [task for _, task in pool]

    def place(self, tasks: list[int]) -> bool:
        """Place tasks, the largest first, each where it costs least; on a new VM where there is no room."""
        memory, times = self.instance.memory, self.instance.times
        sizes = {task: memory[task] * min(row[task] for row in times) for task in tasks}
        left = [task for task in sorted(tasks, key=sizes.__getitem__, reverse=True) if not self._insert(task)]
        while left:
            choice = self._cheapest(left)
            if choice is None:
                return False
            left = self._open(choice, left, 1.0)
        return True

    def _insert(self, task: int) -> bool:
        state, choices = self.state, self.instance.choices
        best, found, found_end = float("inf"), -1, 0.0
        for vm, choice in enumerate(state.choice):
            kind, seconds = choices[choice], self.instance.times[choice][task]
            work = kind.rate * SHARE * seconds
            work *= max(1 / kind.slots, self.instance.memory[task] / kind.type.memory)
            if seconds > kind.latest or work >= best:
                continue
            end = state.end_with(vm, [*state.orders[vm], task])
            cost = work + (end - state.end[vm]) * kind.rate * (1 - SHARE)
            if end <= kind.latest and cost < best:
                best, found, found_end = cost, vm, end
        if found >= 0:
            state.orders[found].append(task)
            state.end[found] = found_end
        return found >= 0

    def _cheapest(self, tasks: list[int]) -> int | None:
        """Return the choice on which the first of the tasks costs least."""
        rows = self.instance.times
        found = [
            (kind.rate * rows[choice][tasks[0]] / kind.slots, choice)
            for choice, kind in enumerate(self.instance.choices)
            if rows[choice][tasks[0]] <= kind.latest and self.counts.allows(choice)
        ]
        return min(found)[1] if found else None

    def fleet(self) -> MemoryFleet:
        """Return the fleet."""
        return self.state.copy()

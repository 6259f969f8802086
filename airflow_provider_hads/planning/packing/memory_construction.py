"""First fleets where memory may bind."""

from __future__ import annotations

from bisect import insort

from airflow_provider_hads.planning.packing.construction import Costs
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_filling import Pool, fill_from_pool
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet

__all__ = ["from_cores", "from_pools"]

HALVINGS = 7


def from_cores(instance: Instance, fleet: Fleet) -> MemoryFleet | None:
    """Return the fleet that a search without regard to memory has found, if it can be run with it."""
    orders = []
    for vm in range(len(fleet.choice)):
        cores = [fleet.tasks[core] for core in fleet.cores(vm)]
        orders.append([core[row] for row in range(max(map(len, cores))) for core in cores if row < len(core)])
    found = MemoryFleet(instance, list(fleet.choice), orders)
    return found if found.in_time() else None


def from_pools(instance: Instance, costs: Costs, full: float, reach: float) -> MemoryFleet | None:
    """Return a fleet filled choice by choice, each task where it costs least; None if some are left.

    :param full: share of a VM's time and memory that is expected to be in use.
    :param reach: see :func:`~airflow_provider_hads.planning.packing.memory_filling.fill_from_pool`.
    """
    return _PoolFilling(instance, costs, full, reach).run()


class _PoolFilling:
    def __init__(self, instance: Instance, costs: Costs, full: float, reach: float) -> None:
        self.instance, self.costs, self.full, self.reach = instance, costs, full, reach
        self.fleet = Fleet(instance)  # counts the VMs
        self.orders: list[list[int]] = []

    def run(self) -> MemoryFleet | None:
        pools = self._pools()
        wanted = sorted(range(len(pools)), key=lambda choice: self._time(choice, pools[choice]), reverse=True)
        left: list[int] = []
        for choice in wanted:
            left += self._fill_choice(choice, pools[choice])
        while left:
            best = self._cheapest(left)
            if best is None:
                return None
            left = self._fill_choice(best, self._pool(left, best), most=1) + self._not_for(left, best)
        return MemoryFleet(self.instance, list(self.fleet.choice), self.orders)

    def _pools(self) -> list[list[tuple[float, int]]]:
        pools: list[list[tuple[float, int]]] = [[] for _ in self.instance.choices]
        for task, column in enumerate(zip(*self.costs, strict=True)):
            insort(pools[column.index(min(column))], (self.instance.memory[task], task))
        return pools

    def _pool(self, tasks: list[int], choice: int) -> Pool:
        times = self.instance.times[choice]
        return sorted((self.instance.memory[task], task) for task in tasks if times[task] < float("inf"))

    def _not_for(self, tasks: list[int], choice: int) -> list[int]:
        times = self.instance.times[choice]
        return [task for task in tasks if times[task] == float("inf")]

    def _time(self, choice: int, pool: Pool) -> float:
        """Return the seconds of one VM that the tasks take at least."""
        kind, times = self.instance.choices[choice], self.instance.times[choice]
        cores = sum(times[task] for _, task in pool) / kind.slots
        return max(cores, sum(memory * times[task] for memory, task in pool) / kind.type.memory)

    def _fill_choice(self, choice: int, pool: Pool, most: int | None = None) -> list[int]:
        """Open VMs for a pool and fill them, all to the same end; return the tasks that are left."""
        kind = self.instance.choices[choice]
        vms = self._time(choice, pool) / (self.instance.usable[choice] * self.full)
        count = most or int(vms) + (vms - int(vms) > 0.15)
        opened = 0
        while opened < count and self.fleet.allows(choice):
            self.fleet.open(choice)
            opened += 1
        orders, left = self._filled(choice, pool, opened, kind.latest)
        low, high = 0.0, kind.latest
        for _ in range(HALVINGS if opened and not left else 0):
            middle = (low + high) / 2
            tried, rest = self._filled(choice, pool, opened, middle)
            if rest:
                low = middle
            else:
                orders, high = tried, middle
        self.orders += orders
        return left

    def _filled(self, choice: int, pool: Pool, vms: int, horizon: float) -> tuple[list[list[int]], list[int]]:
        rest = list(pool)
        orders = [fill_from_pool(self.instance, choice, rest, horizon, self.reach) for _ in range(vms)]
        return orders, [task for _, task in rest]

    def _cheapest(self, tasks: list[int]) -> int | None:
        """Return the choice that does most of the tasks' work for its money."""
        found = []
        for choice, kind in enumerate(self.instance.choices):
            if not self.fleet.allows(choice):
                continue
            pool = self._pool(tasks, choice)
            if not pool:
                continue
            rest = list(pool)
            order = fill_from_pool(self.instance, choice, rest, kind.latest, self.reach)
            if order:
                end = min(kind.latest, self._time(choice, pool)) if not rest else kind.latest
                found.append((kind.rate * end / len(order), choice))
        return min(found)[1] if found else None

"""VMs with orders of tasks, to which others are added."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_filling import fill_from_pool
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet

__all__ = ["Rebuilt"]

SHARE = 0.5
"""How much of a VM's price counts for the work that it does, where tasks are placed anew."""


class Rebuilt:
    """VMs in the making, and how many of each choice there are."""

    def __init__(self, instance: Instance, choices: list[int], orders: list[list[int]]) -> None:
        self.instance = instance
        self.state = MemoryFleet(instance, choices, orders)
        self.counts = Fleet(instance)
        for choice in choices:
            self.counts.open(choice)

    def _open(self, choice: int, tasks: Sequence[int]) -> list[int]:
        pool = sorted((self.instance.memory[task], task) for task in tasks)
        order = fill_from_pool(self.instance, choice, pool, self.instance.choices[choice].latest)
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
            left = self._open(choice, left)
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

"""Simulated annealing where memory may bind: tasks change VMs and places in the order."""

from __future__ import annotations

import math
from random import Random

from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["anneal_orders"]


def anneal_orders(
    fleet: MemoryFleet, rng: Random, steps: int, hot: float, cold: float, share: float, stop: Stop
) -> float:
    """Improve a fleet in place by random moves; return the least cost seen, to which it is set back.

    :param steps: VMs looked at.
    :param hot: temperature at first, dollars.
    :param cold: at last.
    :param share: how much of a VM's price counts for the work that it does, not for the time it lives.
    :param stop: says when to end early.
    """
    return _Annealing(fleet, rng, share).run(steps, max(hot, LEAST), max(cold, LEAST), stop)


ROUNDS = 40
LEAST = 1e-12
"""Dollars: the least temperature, of jobs that cost nothing."""


class _Annealing:
    def __init__(self, fleet: MemoryFleet, rng: Random, share: float) -> None:
        self.fleet, self.rng = fleet, rng
        instance = fleet.instance
        self.rate = [instance.choices[choice].rate * (1 - share) for choice in fleet.choice]
        self.latest = [instance.choices[choice].latest for choice in fleet.choice]
        self.work = {choice: self._work(choice, share) for choice in set(fleet.choice)}
        self.temperature = 0.0
        self.looked = 0

    def _work(self, choice: int, share: float) -> list[float]:
        """Return what each task's work counts on a choice: its share of the cores or of the memory."""
        instance = self.fleet.instance
        kind = instance.choices[choice]
        return [
            kind.rate * share * seconds * max(1 / kind.slots, memory / kind.type.memory)
            for seconds, memory in zip(instance.times[choice], instance.memory, strict=True)
        ]

    def run(self, steps: int, hot: float, cold: float, stop: Stop) -> float:
        fleet = self.fleet
        best, best_orders, best_end = fleet.cost(), [list(order) for order in fleet.orders], list(fleet.end)
        cooling = (cold / hot) ** (1 / ROUNDS)
        self.temperature = hot
        for number in range(ROUNDS):
            while self.looked < steps * (number + 1) / ROUNDS and not stop():
                self._try()
            self.temperature *= cooling
            cost = fleet.cost()
            if cost < best:
                best, best_orders, best_end = cost, [list(order) for order in fleet.orders], list(fleet.end)
        self._go_back(best_orders, best_end)
        return best

    def _go_back(self, orders: list[list[int]], end: list[float]) -> None:
        fleet = self.fleet
        fleet.orders, fleet.end = orders, end
        for vm, order in enumerate(orders):
            for task in order:
                fleet.vm_of[task] = vm

    def _try(self) -> None:
        random, fleet = self.rng.random, self.fleet
        self.looked += 1
        task = int(random() * len(fleet.vm_of))
        kind = random()
        if kind < 0.25:
            self._reorder(fleet.vm_of[task])
            return
        other = int(random() * len(fleet.vm_of))
        old, new = fleet.vm_of[task], fleet.vm_of[other]
        if kind < 0.6:
            new = int(random() * len(fleet.choice)) if kind < 0.3 else new
            if old != new:
                self._move(task, old, new)
        elif old != new:
            self._swap(task, other, old, new)

    def _reorder(self, vm: int) -> None:
        order = list(self.fleet.orders[vm])
        if len(order) < 2:
            return
        place = int(self.rng.random() * len(order))
        order.insert(int(self.rng.random() * len(order)), order.pop(place))
        end = self.fleet.end_with(vm, order)
        change = (end - self.fleet.end[vm]) * self.rate[vm]
        if end <= self.latest[vm] and self._accepts(change):
            self.fleet.orders[vm], self.fleet.end[vm] = order, end

    def _move(self, task: int, old: int, new: int) -> None:
        fleet = self.fleet
        seconds = fleet.instance.times[fleet.choice[new]][task]
        if seconds > self.latest[new]:
            return
        target = list(fleet.orders[new])
        target.insert(int(self.rng.random() * (len(target) + 1)), task)
        source = [one for one in fleet.orders[old] if one != task]
        self._settle(old, source, new, target, self._work_of(new, task) - self._work_of(old, task))

    def _swap(self, task: int, other: int, old: int, new: int) -> None:
        fleet = self.fleet
        if fleet.instance.times[fleet.choice[new]][task] > self.latest[new]:
            return
        if fleet.instance.times[fleet.choice[old]][other] > self.latest[old]:
            return
        source = [other if one == task else one for one in fleet.orders[old]]
        target = [task if one == other else one for one in fleet.orders[new]]
        work = self._work_of(new, task) - self._work_of(old, task)
        self._settle(old, source, new, target, work + self._work_of(old, other) - self._work_of(new, other))

    def _settle(self, old: int, source: list[int], new: int, target: list[int], work: float) -> None:
        """Make a change of two VMs if it is accepted."""
        fleet = self.fleet
        self.looked += 1
        # The work alone often decides, before the VMs are looked at.
        end_old = fleet.end_with(old, source)
        change = work + (end_old - fleet.end[old]) * self.rate[old]
        if end_old > self.latest[old] or change > fleet.end[new] * self.rate[new] + 16 * self.temperature:
            return
        end_new = fleet.end_with(new, target)
        change += (end_new - fleet.end[new]) * self.rate[new]
        if end_new > self.latest[new] or not self._accepts(change):
            return
        fleet.end[old], fleet.end[new] = end_old, end_new
        fleet.orders[old], fleet.orders[new] = source, target
        for vm, order in ((old, source), (new, target)):
            for one in order:
                fleet.vm_of[one] = vm

    def _work_of(self, vm: int, task: int) -> float:
        return self.work[self.fleet.choice[vm]][task]

    def _accepts(self, change: float) -> bool:
        return change <= 0 or change < -self.temperature * math.log(self.rng.random() or 1e-300)

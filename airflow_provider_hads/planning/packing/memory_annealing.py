"""Simulated annealing where memory may bind: tasks change VMs and places in the order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from airflow_provider_hads.planning.packing import compiled_search
from airflow_provider_hads.planning.packing.compiled_search import COMPILED
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.uses import Use
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["anneal_orders"]

REORDERED, ANYWHERE, MOVED = 0.15, 0.25, 0.4
"""Up to which share the tries change an order, move a task to any VM, or to that of another task; the others
exchange two tasks that are alike."""
WASTED, BLIND = 0.9, 0.05
"""How much of what a VM's end is later than its sums say is expected to stay so when a task is exchanged; and
share of the tries that expect nothing."""
ROUNDS = 40
LEAST = 1e-12
"""Dollars: the least temperature, of jobs that cost nothing."""
UNSEEN = 0.25
"""What a try counts for that is refused before any VM is looked at."""
SMOOTH = 0.9
"""How much of a VM's value is, at first, by the moment of its work, not by its end."""

Change = tuple[float, float, float]
"""Seconds by which the sums of what tasks use of a VM change."""


def anneal_orders(
    fleet: MemoryFleet, rng: Random, steps: int, hot: float, cold: float, share: float, stop: Stop
) -> float:
    """Improve a fleet in place by random moves; return the least cost seen, to which it is set back.

    Few changes end a VM earlier, and those that close a gap in the middle of its schedule do so only after
    others. So a value is made small in place of the end: partly the end, partly that of a VM that is full all
    the time and whose work has the same moment about the start. It falls with each gap that is closed, the
    earlier the more. At last the end alone counts.

    :param steps: VMs looked at.
    :param hot: temperature at first, dollars.
    :param cold: at last.
    :param share: how much of a VM's price counts, at first, for the work that it does, not for the time it
        lives; none does at last.
    :param stop: says when to end early.
    """
    hot, cold = max(hot, LEAST), max(cold, LEAST)
    cooling = (cold / hot) ** (1 / ROUNDS)
    if COMPILED:
        compiled_search.anneal_orders(fleet, rng, steps, hot, cooling, share, stop)
    else:
        _Annealing(fleet, rng).run(steps, hot, cooling, share, stop)
    return fleet.cost()


class _Annealing:
    def __init__(self, fleet: MemoryFleet, rng: Random) -> None:
        self.fleet, self.rng = fleet, rng
        instance = fleet.instance
        kinds = [instance.choices[choice] for choice in fleet.choice]
        self.alike = instance.alike
        self.latest = [kind.latest for kind in kinds]
        self.uses = [instance.uses[choice] for choice in fleet.choice]
        self.busy, self.filled, self.halves = self._sums()
        self.price = [kind.rate for kind in kinds]
        self.share, self.smooth, self.rate = 0.0, 0.0, self.price
        self.value = list(fleet.end)
        self.temperature = 0.0
        self.looked = 0.0

    def _sums(self) -> list[list[float]]:
        """Return the sums of what tasks use, by kind of use and VM."""
        pairs = list(zip(self.uses, self.fleet.orders, strict=True))
        return [[_sum_of(uses, order, kind) for uses, order in pairs] for kind in range(3)]

    def _cost(self) -> float:
        """Return dollars, summed up one by one as the compiled search does it."""
        cost = 0.0
        for price, end in zip(self.price, self.fleet.end, strict=True):
            cost += price * end
        return cost

    def run(self, steps: int, hot: float, cooling: float, share: float, stop: Stop) -> None:
        fleet = self.fleet
        best, best_orders, best_end = self._cost(), list(fleet.orders), list(fleet.end)
        self.temperature = hot
        for number in range(ROUNDS):
            self._settle(share, max(0.0, 1 - 1.25 * number / ROUNDS))
            while self.looked < steps * (number + 1) / ROUNDS and not stop():
                self._try()
            self.busy, self.filled, self.halves = self._sums()  # without what rounding has added
            self.temperature *= cooling
            cost = self._cost()
            if cost < best:
                best, best_orders, best_end = cost, list(fleet.orders), list(fleet.end)
        fleet.set_orders(best_orders, best_end)

    def _settle(self, share: float, left: float) -> None:
        """Settle what VMs are worth in a round.

        :param left: 1 in the first round, 0 in the last ones.
        """
        self.share, self.smooth = share * left, SMOOTH * left
        self.rate = [price * (1 - self.share) for price in self.price]
        self.value = [self._run(vm, order, math.inf)[1] for vm, order in enumerate(self.fleet.orders)]

    def _run(self, vm: int, order: Sequence[int], most: float) -> tuple[float, float]:
        """Return a VM's end and value; infinity if it ends too late or the value is above the most."""
        latest = self.latest[vm] if self.smooth else min(self.latest[vm], most)
        end, moment = self.fleet.end_and_moment_with(vm, order, latest)
        value = end + self.smooth * (math.sqrt(2 * moment) - end) if end < math.inf else math.inf
        return (end, value) if value <= most else (math.inf, math.inf)

    def _try(self) -> None:
        random, vm_of = self.rng.random, self.fleet.vm_of
        self.looked += UNSEEN
        task = int(random() * len(vm_of))
        old, kind = vm_of[task], random()
        if kind < REORDERED:
            self._reorder(old)
        elif kind < MOVED:
            new = int(random() * len(self.rate)) if kind < ANYWHERE else vm_of[int(random() * len(vm_of))]
            if old != new:
                self._move(task, old, new)
        else:
            near = self.alike[task]
            drawn = random() if near else 0.0
            other = near[int(drawn * drawn * len(near))] if near else task
            if vm_of[other] != old:
                self._swap(task, other, old, vm_of[other])

    def _reorder(self, vm: int) -> None:
        order = list(self.fleet.orders[vm])
        if len(order) < 2:
            return
        self.looked += 1
        random = self.rng.random
        place = int(random() * len(order))
        order.insert(int(random() * len(order)), order.pop(place))
        end, value = self._run(vm, order, self._most(vm, self._allowed()))
        if end < math.inf:
            self.fleet.orders[vm], self.fleet.end[vm], self.value[vm] = order, end, value

    def _move(self, task: int, old: int, new: int) -> None:
        busy_old, filled_old, half_old, work_old = self.uses[old][task]
        busy_new, filled_new, half_new, work_new = self.uses[new][task]
        allowed = self._allowed() - self.share * (work_new - work_old)
        less, more = (-busy_old, -filled_old, -half_old), (busy_new, filled_new, half_new)
        if self._refused(old, less, new, more, allowed):
            return
        target = list(self.fleet.orders[new])
        target.insert(int(self.rng.random() * (len(target) + 1)), task)
        source = [one for one in self.fleet.orders[old] if one != task]
        if self._settles(old, source, new, target, allowed):
            self.fleet.vm_of[task] = new
            self._add(old, less)
            self._add(new, more)

    def _swap(self, task: int, other: int, old: int, new: int) -> None:
        busy_old, filled_old, half_old, work_old = self.uses[old][task]
        busy_new, filled_new, half_new, work_new = self.uses[new][task]
        busy, filled, half, work = self.uses[old][other]
        less = busy - busy_old, filled - filled_old, half - half_old
        work_new += work - work_old
        busy, filled, half, work = self.uses[new][other]
        more = busy_new - busy, filled_new - filled, half_new - half
        allowed = self._allowed() - self.share * (work_new - work)
        if self._refused(old, less, new, more, allowed):
            return
        source, target = list(self.fleet.orders[old]), list(self.fleet.orders[new])
        source[source.index(task)] = other
        target[target.index(other)] = task
        if self._settles(old, source, new, target, allowed):
            self.fleet.vm_of[task], self.fleet.vm_of[other] = new, old
            self._add(old, less)
            self._add(new, more)

    def _add(self, vm: int, change: Change) -> None:
        busy, filled, half = change
        self.busy[vm] += busy
        self.filled[vm] += filled
        self.halves[vm] += half

    def _refused(self, old: int, less: Change, new: int, more: Change, allowed: float) -> bool:
        """Say whether two VMs' sums show that their ends will hardly be accepted, before they are looked at.

        No VM ends before its cores or its memory have done their work, and it rarely ends nearer to that
        after a change than before.

        :param less: by what the sums of the old VM change.
        :param more: by what those of the new VM change.
        :param allowed: dollars that both may cost more.
        """
        busy, filled, halves, value, latest = self.busy, self.filled, self.halves, self.value, self.latest
        least_new = max(busy[new] + more[0], filled[new] + more[1], halves[new] + more[2])
        least_old = max(busy[old] + less[0], filled[old] + less[1], halves[old] + less[2])
        if least_new > latest[new] or least_old > latest[old]:
            return True
        change_new, change_old = least_new - value[new], least_old - value[old]
        if self.rng.random() > BLIND:
            change_new += WASTED * (value[new] - max(busy[new], filled[new], halves[new]))
            change_old += WASTED * (value[old] - max(busy[old], filled[old], halves[old]))
        return change_new * self.rate[new] + change_old * self.rate[old] > allowed

    def _settles(self, old: int, source: list[int], new: int, target: list[int], allowed: float) -> bool:
        """Give two VMs their new orders if what these make of them is accepted; say whether it is.

        :param allowed: dollars that both may cost more.
        """
        fleet, rate, value = self.fleet, self.rate, self.value
        self.looked += 1
        most = self._most(new, allowed + value[old] * rate[old])
        end_new, value_new = self._run(new, target, most)
        if end_new == math.inf:
            return False
        self.looked += 1
        allowed -= (value_new - value[new]) * rate[new]
        end_old, value_old = self._run(old, source, self._most(old, allowed))
        if end_old == math.inf:
            return False
        fleet.end[old], fleet.end[new] = end_old, end_new
        value[old], value[new] = value_old, value_new
        fleet.orders[old], fleet.orders[new] = source, target
        return True

    def _allowed(self) -> float:
        """Return dollars by which a change may raise the cost, at random (the rule of Metropolis)."""
        return -self.temperature * math.log(self.rng.random() or 1e-300)

    def _most(self, vm: int, allowed: float) -> float:
        """Return the most that a VM's value may be if it costs no more than is allowed."""
        rate = self.rate[vm]
        if rate <= 0:
            return math.inf if allowed >= 0 else -1.0
        return self.value[vm] + allowed / rate


def _sum_of(uses: Sequence[Use], order: Sequence[int], kind: int) -> float:
    """Return seconds, summed up one by one: ``sum`` is more exact in some versions of Python."""
    total = 0.0
    for task in order:
        total += uses[task][kind]
    return total

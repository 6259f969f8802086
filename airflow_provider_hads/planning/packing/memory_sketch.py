"""First fleets where memory may bind, by sums alone: which VMs there are, and about which tasks each has."""

from __future__ import annotations

import math
from random import Random

from airflow_provider_hads.planning.packing.compiled_search import COMPILED, anneal_sketch
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.memory_rebuilding import Rebuilt
from airflow_provider_hads.planning.packing.uses import Use
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["sketched_fleet"]

WASTE = 1.03
"""How much longer VMs live, about, than the sums of their tasks say."""
HOT, COLD = 0.4, 0.008
"""Temperatures, as shares of the mean task's work."""
WORK, LAST_WORK = 0.9, 0.1
"""How much of a VM's price counts for its work, not for the time it lives, at first and at last."""
ANYWHERE, MOVED = 0.3, 0.55
"""Up to which share the tries move a task to any VM, or to that of another task; the others exchange two."""
ROUNDS = 50
NOISE = 0.05
"""Share by which the work of a task seems dearer than it is, at most, where it gets its first VM."""
REORDERINGS = 20
"""Tries to shorten a VM by another order, before it is filled up."""


def sketched_fleet(instance: Instance, rng: Random, steps: int, stop: Stop) -> MemoryFleet | None:
    """Return a fleet, or None if the limits leave tasks without a VM.

    All VMs that the limits allow are there from the first, most of them empty, and annealing moves and
    exchanges tasks. A VM's end is estimated by sums, which takes a small part of the time that the end of an
    order does. At first, work is paid for by what it uses, and in the end by how long the VMs live, so that
    those with little to do are given up one by one, and which VMs there are is decided late.

    :param steps: tries.
    """
    sketch = Sketch(instance, rng)
    sketch.run(steps, stop)
    return sketch.fleet()


class Sketch:
    """VMs with the sums of what their tasks use; ``end`` is what these say."""

    def __init__(self, instance: Instance, rng: Random) -> None:
        self.instance, self.rng = instance, rng
        kinds = instance.choices
        self.uses, self.times = instance.uses, instance.times
        self.choice = [number for number, kind in enumerate(kinds) for _ in range(kind.limit)]
        self.rate = [kinds[choice].rate for choice in self.choice]
        self.latest = [kinds[choice].latest for choice in self.choice]
        self.count = [0] * len(self.choice)
        self.busy, self.filled, self.halves, self.end = ([0.0] * len(self.choice) for _ in range(4))
        self.counts = Fleet(instance)
        self.vm_of = [0] * len(instance.tasks)
        self._place()
        self.share = WORK
        self.temperature = 0.0

    def _place(self) -> None:
        """Give each task, the largest first, the VM where its work costs least."""
        memory = self.instance.memory
        for task in sorted(range(len(memory)), key=memory.__getitem__, reverse=True):
            found = min(self._places(), key=lambda vm: self._first_cost(task, vm))
            self.vm_of[task] = found
            self._add(found, task)

    def _places(self) -> list[int]:
        """Return the VMs in use, and an empty one of each choice of which one more is allowed."""
        places, empty = [], set[int]()
        for vm, choice in enumerate(self.choice):
            if self.count[vm]:
                places.append(vm)
            elif choice not in empty and self.counts.allows(choice):
                empty.add(choice)
                places.append(vm)
        return places

    def _first_cost(self, task: int, vm: int) -> tuple[float, float]:
        """Return by how much a VM would end too late with one task more, and dollars."""
        busy, filled, half, work = self.uses[self.choice[vm]][task]
        end = max(self.busy[vm] + busy, self.filled[vm] + filled, self.halves[vm] + half) * WASTE
        end = max(end, self.times[self.choice[vm]][task])
        return max(end - self.latest[vm], 0.0), work * (1 + NOISE * self.rng.random())

    def _add(self, vm: int, task: int) -> None:
        busy, filled, half, _ = self.uses[self.choice[vm]][task]
        self._count(vm, 1)
        self.busy[vm] += busy
        self.filled[vm] += filled
        self.halves[vm] += half
        end = max(self.busy[vm], self.filled[vm], self.halves[vm]) * WASTE
        self.end[vm] = max(end, self.end[vm], self.times[self.choice[vm]][task])

    def run(self, steps: int, stop: Stop) -> None:
        """Anneal."""
        unit = math.fsum(min(uses[task][3] for uses in self.uses) for task in range(len(self.vm_of)))
        self.temperature = HOT * unit / len(self.vm_of)
        cooling = (COLD / HOT) ** (1 / ROUNDS)
        if COMPILED:
            anneal_sketch(self, steps, self.temperature, cooling, stop)
        else:
            self._anneal(steps, cooling, stop)

    def _anneal(self, steps: int, cooling: float, stop: Stop) -> None:
        for number in range(ROUNDS):
            self.share = WORK + (LAST_WORK - WORK) * number / (ROUNDS - 1)
            for _ in range(steps // ROUNDS):
                self._try()
            self.temperature *= cooling
            if stop():
                break

    def _try(self) -> None:
        random, vm_of = self.rng.random, self.vm_of
        task, kind = int(random() * len(vm_of)), random()
        old = vm_of[task]
        if kind < ANYWHERE:
            new = int(random() * len(self.choice))
            if new != old and (self.count[new] or self._may_open(old, new)):
                self._move(task, old, new)
            return
        other = int(random() * len(vm_of))
        new = vm_of[other]
        if new == old:
            return
        if kind < MOVED:
            self._move(task, old, new)
        else:
            self._swap(task, other, old, new)

    def _may_open(self, old: int, new: int) -> bool:
        """Say whether an empty VM may get the task of another, which may be its last."""
        opened, closed = self.choice[new], self.choice[old]
        if self.count[old] > 1:
            return self.counts.allows(opened)
        self.counts.count(closed, -1)
        allowed = self.counts.allows(opened)
        self.counts.count(closed, 1)
        return allowed

    def _move(self, task: int, old: int, new: int) -> None:
        opened, closed = self.choice[new], self.choice[old]
        busy_new, filled_new, half_new, work_new = self.uses[opened][task]
        busy_new += self.busy[new]
        filled_new += self.filled[new]
        half_new += self.halves[new]
        end_new = max(max(busy_new, filled_new, half_new) * WASTE, self.times[opened][task])
        if end_new > self.latest[new]:
            return
        busy, filled, half, work = self.uses[closed][task]
        busy, filled, half = self.busy[old] - busy, self.filled[old] - filled, self.halves[old] - half
        end = max(busy, filled, half) * WASTE
        if self.count[old] == 1:
            busy = filled = half = end = 0.0
        if self._accepts(work_new - work, old, end, new, end_new):
            self._set(new, busy_new, filled_new, half_new, end_new)
            self._set(old, busy, filled, half, end)
            self._count(new, 1)
            self._count(old, -1)
            self.vm_of[task] = new

    def _swap(self, task: int, other: int, old: int, new: int) -> None:
        uses_old, uses_new = self.uses[self.choice[old]], self.uses[self.choice[new]]
        end_new, busy_new, filled_new, half_new = self._exchanged(new, other, task)
        if end_new > self.latest[new] and end_new > self.end[new]:
            return
        end, busy, filled, half = self._exchanged(old, task, other)
        if end > self.latest[old] and end > self.end[old]:
            return
        work = uses_new[task][3] - uses_new[other][3] + uses_old[other][3] - uses_old[task][3]
        if self._accepts(work, old, end, new, end_new):
            self._set(new, busy_new, filled_new, half_new, end_new)
            self._set(old, busy, filled, half, end)
            self.vm_of[task], self.vm_of[other] = new, old

    def _exchanged(self, vm: int, taken: int, given: int) -> tuple[float, float, float, float]:
        """Return a VM's end and sums with another task in place of one."""
        uses = self.uses[self.choice[vm]]
        less_busy, less_filled, less_half, _ = uses[taken]
        busy, filled, half, _ = uses[given]
        busy += self.busy[vm] - less_busy
        filled += self.filled[vm] - less_filled
        half += self.halves[vm] - less_half
        end = max(busy, filled, half) * WASTE
        seconds = self.times[self.choice[vm]][given]
        return (end if end > seconds else seconds), busy, filled, half

    def _set(self, vm: int, busy: float, filled: float, half: float, end: float) -> None:
        self.busy[vm], self.filled[vm], self.halves[vm], self.end[vm] = busy, filled, half, end

    def _count(self, vm: int, change: int) -> None:
        """Count the tasks of a VM and, if it is opened or closed by that, the VMs."""
        before = self.count[vm]
        self.count[vm] = before + change
        if not before or not self.count[vm]:
            self.counts.count(self.choice[vm], change)

    def _accepts(self, work: float, old: int, end_old: float, new: int, end_new: float) -> bool:
        """Say whether a change is accepted (the rule of Metropolis).

        :param work: dollars by which it changes the work.
        """
        lives = self.rate[old] * (end_old - self.end[old]) + self.rate[new] * (end_new - self.end[new])
        change = self.share * work + (1 - self.share) * lives
        return change <= 0 or change < -self.temperature * math.log(self.rng.random() or 1e-300)

    def fleet(self) -> MemoryFleet | None:
        """Return a fleet of those VMs in which tasks that have no room, in fact, are placed anew."""
        tasks: dict[int, list[int]] = {}
        for task, vm in enumerate(self.vm_of):
            tasks.setdefault(vm, []).append(task)
        choices = [self.choice[vm] for vm in tasks]
        empty = MemoryFleet(self.instance, [], [])
        orders, left = [], list[int]()
        for choice, mine in zip(choices, tasks.values(), strict=True):
            order, late = self._order(empty, choice, mine)
            orders.append(order)
            left += late
        rebuilt = Rebuilt(self.instance, choices, orders)
        return rebuilt.fleet() if rebuilt.place(left) else None

    def _order(self, fleet: MemoryFleet, choice: int, tasks: list[int]) -> tuple[list[int], list[int]]:
        """Return the order of a VM's tasks, and those that can't end in time with the others."""
        kind, random = self.instance.choices[choice], self.rng.random
        order = sorted(tasks, key=lambda task: _size(self.uses[choice][task]), reverse=True)
        end = fleet.end_on(choice, order)
        for _ in range(REORDERINGS):
            tried = list(order)
            tried.insert(int(random() * len(order)), tried.pop(int(random() * len(order))))
            tried_end = fleet.end_on(choice, tried, end)
            if tried_end <= end:
                order, end = tried, tried_end
        late = []
        while end > kind.latest:
            late.append(order.pop())
            end = fleet.end_on(choice, order)
        return order, late


def _size(use: Use) -> float:
    """Return by what the tasks of a VM are sorted, the first to start having the most: time and memory."""
    return 0.3 * use[0] + use[1]

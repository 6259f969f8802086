"""Changes of one or two VMs: their tasks move to other VMs, longest first; all else stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace
from itertools import pairwise
from random import Random

from airflow_provider_hads.planning.packing.fleet import Fleet

__all__ = ["regroup"]

CLOSED = (1, 1, 2, 2, 3)
"""VMs of which the tasks move."""
TWO_CHOICES = 0.4
"""Share of the tries that open two VMs of any choices; the others open VMs of one."""

MOST_CORES = 1.3
"""What is opened of one choice has so many times the cores that are closed, at most."""


@dataclass(frozen=True)
class _Change:
    """What is closed and what is opened.

    :param closed: VMs.
    :param opened: pairs of a choice and its tasks.
    :param cost: dollars that it adds, or saves if it is negative, as filled at first.
    """

    closed: frozenset[int]
    opened: tuple[tuple[int, list[int]], ...]
    cost: float

    def applied(self, fleet: Fleet) -> Fleet:
        """Return the changed fleet."""
        changed = fleet.copy(self.closed)
        times = fleet.instance.times
        for choice, tasks in self.opened:
            heap = [(0.0, core) for core in changed.cores(changed.open(choice))]
            for task in sorted(tasks, key=times[choice].__getitem__, reverse=True):
                core = heap[0][1]
                changed.put(task, core)
                heapreplace(heap, (changed.load[core], core))
        return changed


def regroup(fleet: Fleet, weights: Sequence[float], rng: Random, tries: int) -> Fleet | None:
    """Return the fleet after the best of some random changes, or None if none of them can be made.

    :param weights: by choice, how often it is tried.
    """
    regrouping = _Regrouping(fleet, weights, rng)
    changes = (regrouping.any_change() for _ in range(tries))
    best = min(filter(None, changes), key=lambda change: change.cost, default=None)
    return None if best is None else best.applied(fleet)


class _Regrouping:
    def __init__(self, fleet: Fleet, weights: Sequence[float], rng: Random) -> None:
        self.fleet, self.rng = fleet, rng
        self.choices = range(len(weights))
        self.weights = []
        total = 0.0
        for weight in weights:
            total += weight
            self.weights.append(total)
        self.ends = fleet.ends()

    def any_change(self) -> _Change | None:
        """Return a random change, or None if it is not allowed or some task has no room."""
        rng, fleet, choices = self.rng, self.fleet, self.fleet.instance.choices
        closed = {int(rng.random() * len(fleet.choice)) for _ in range(rng.choice(CLOSED))}
        tasks = [task for vm in closed for core in fleet.cores(vm) for task in fleet.tasks[core]]
        opened = self._opened(sum(len(fleet.cores(vm)) for vm in closed))
        if len(tasks) < len(opened) or not fleet.allows_instead(closed, opened):
            return None
        groups = self._groups(tasks, opened)
        cost = -sum(choices[fleet.choice[vm]].rate * self.ends[vm] for vm in closed)
        for choice, group in groups:
            end = self._end(choice, group)
            if end > choices[choice].latest:
                return None
            cost += end * choices[choice].rate
        return _Change(frozenset(closed), groups, cost)

    def _opened(self, cores: int) -> list[int]:
        """Return two choices, or one several times, in place of so many cores."""
        rng = self.rng
        opened = rng.choices(self.choices, cum_weights=self.weights, k=2)
        if rng.random() < TWO_CHOICES:
            return opened
        slots = self.fleet.instance.choices[opened[0]].slots
        return opened[:1] * (1 + int(rng.random() * MOST_CORES * cores / slots))

    def _groups(self, tasks: list[int], opened: list[int]) -> tuple[tuple[int, list[int]], ...]:
        """Split tasks by their length or, for two choices, by where they are relatively quick."""
        times = self.fleet.instance.times
        here, there = times[opened[0]], times[opened[-1]]
        if here is there:
            tasks.sort(key=here.__getitem__)
            cuts = [len(tasks) * number // len(opened) for number in range(len(opened) + 1)]
        else:
            tasks.sort(key=lambda task: here[task] / there[task] if here[task] < math.inf else math.inf)
            cuts = [0, 1 + int(self.rng.random() * (len(tasks) - 1)), len(tasks)]
        parts = zip(opened, pairwise(cuts), strict=True)
        return tuple((choice, tasks[low:high]) for choice, (low, high) in parts)

    def _end(self, choice: int, tasks: list[int]) -> float:
        """Return when a VM ends that takes the tasks longest first, each on the core that is free first."""
        times = self.fleet.instance.times[choice]
        lengths = sorted(map(times.__getitem__, tasks), reverse=True)
        slots = self.fleet.instance.choices[choice].slots
        if len(lengths) <= slots:
            return lengths[0]
        loads = lengths[slots - 1 :: -1]
        for length in lengths[slots:]:
            heapreplace(loads, loads[0] + length)
        return max(loads)

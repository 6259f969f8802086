"""Put tasks on the cores of given VMs, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace

from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance

__all__ = ["fill", "longest_first"]


def longest_first(instance: Instance, tasks: Iterable[int]) -> list[int]:
    """Return tasks by falling length, each taken where it is shortest."""
    shortest = list(map(min, zip(*instance.times, strict=True)))
    return sorted(tasks, key=shortest.__getitem__, reverse=True)


def fill(
    fleet: Fleet, tasks: Iterable[int], costs: Sequence[Sequence[float]], first_vm: int = 0
) -> list[int]:
    """Put tasks, in the given order, each on the least loaded core of the choice where it costs least.

    :param costs: dollars by choice and task, as the search prices them.
    :param first_vm: only VMs from this number on are filled.
    :return: the tasks that fit nowhere.
    """
    heaps = _heaps(fleet, first_vm)
    left = []
    for task in tasks:
        best, target = math.inf, -1
        for choice, heap in heaps.items():
            cost = costs[choice][task]
            if (
                cost < best
                and heap[0][0] + fleet.instance.times[choice][task] <= fleet.instance.choices[choice].latest
            ):
                best, target = cost, choice
        if target < 0:
            left.append(task)
            continue
        core = heaps[target][0][1]
        fleet.put(task, core)
        heapreplace(heaps[target], (fleet.load[core], core))
    return left


def _heaps(fleet: Fleet, first_vm: int) -> dict[int, list[tuple[float, int]]]:
    """Return the cores of each choice as a heap, the least loaded on top."""
    heaps: dict[int, list[tuple[float, int]]] = {}
    for core in range(fleet.first[first_vm], len(fleet.vm)):
        heaps.setdefault(fleet.choice[fleet.vm[core]], []).append((fleet.load[core], core))
    for heap in heaps.values():
        heapify(heap)
    return heaps

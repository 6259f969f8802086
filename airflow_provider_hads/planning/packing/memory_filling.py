"""Fill VMs from a pool of tasks so that their memory is in use."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from heapq import heappop, heappush

from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.schedule import EDGE

__all__ = ["BEST_FIT", "fill_from_pool"]

BEST_FIT = 1e9
"""A reach to the largest task that fits."""
LOOKED_AT = 16
"""Tasks of nearly the same memory, of which the longest is taken."""

Pool = list[tuple[float, int]]


def fill_from_pool(
    instance: Instance, choice: int, pool: Pool, horizon: float, reach: float = BEST_FIT
) -> list[int]:
    """Take tasks for one VM out of a pool, in the order in which they start.

    At each moment when a task ends, those that fill the free memory best start, and among nearly equal ones
    the longest that ends in time.

    :param pool: pairs of MB and task, sorted.
    :param horizon: seconds; the latest end.
    :param reach: with 1, tasks start that need about as much as there is of memory for each free core, so
        that neither runs out before the other; a larger reach lets larger ones start.
    """
    kind, times = instance.choices[choice], instance.times[choice]
    free, now = kind.type.memory * (1 + EDGE), 0.0
    running: list[tuple[float, float]] = []
    order: list[int] = []
    while pool:
        while pool and len(running) < kind.slots:
            target = reach * free / (kind.slots - len(running))
            place = _best_fit(pool, times, free, target, horizon - now)
            if place is None:
                break
            need, task = pool.pop(place)
            free -= need
            order.append(task)
            heappush(running, (now + times[task], need))
        if not running:
            break
        now, need = heappop(running)
        free += need
    return order


def _best_fit(pool: Pool, times: Sequence[float], free: float, target: float, left: float) -> int | None:
    top = bisect_right(pool, (free, len(times)))
    if target < free:
        top = min(top, bisect_right(pool, (target, len(times)), 0, top) + LOOKED_AT // 2)
    best, found, seen = 0.0, None, 0
    for place in range(top - 1, -1, -1):
        seconds = times[pool[place][1]]
        if seconds > left:
            continue
        if seconds > best:
            best, found = seconds, place
        seen += 1
        if seen >= LOOKED_AT:
            break
    return found

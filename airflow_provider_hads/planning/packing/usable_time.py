"""How much of a core's time whole tasks can fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

__all__ = ["usable_time"]

DISTINCT = 8
SUMS = 3000
"""More distinct runtimes or sums than this fill (nearly) all time, and are not looked at."""
SLACK = 1e-7
"""Seconds: sums that are nearer than this are one."""


def usable_time(runtimes: Iterable[float], latest: float) -> float:
    """Return the largest sum of some of the runtimes that is not above ``latest``, or a bound of it.

    The end of every task in a plan without needless waiting is such a sum: of the tasks before it on its
    core, or of a chain of tasks that waited for each other.
    """
    counts = Counter(seconds for seconds in runtimes if seconds <= latest)
    if len(counts) > DISTINCT:
        return latest
    sums = {0}
    for seconds, count in counts.items():
        step, bound = round(seconds / SLACK), round(latest / SLACK) + 1
        for _ in range(min(count, int(latest / seconds)) if seconds > SLACK else 0):
            more = {total + step for total in sums if total + step <= bound}
            if more <= sums:
                break
            sums |= more
            if len(sums) > SUMS:
                return latest
    return min(latest, max(sums) * SLACK * (1 + 1e-9) + SLACK * sum(counts.values()))

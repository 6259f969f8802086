"""For each task, the tasks that are most like it: in exchange for one of them, all else can stay as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nsmallest

__all__ = ["alike"]

MOST, SHARE = 40, 0.3
"""How many are kept for each task: so many, or so many of all."""
WINDOW = 100
"""Tasks of nearest memory, to each side, of which they are chosen."""


def alike(times: Sequence[Sequence[float]], memory: Sequence[float]) -> list[list[int]]:
    """Return, by task, those of the nearest seconds and memory (as ratios), the nearest first.

    :param times: seconds by choice and task.
    :param memory: MB by task.
    """
    seconds = [_mean_log(column) for column in zip(*times, strict=True)]
    needs = [math.log(max(need, 1.0)) for need in memory]
    order = sorted(range(len(needs)), key=needs.__getitem__)
    kept = min(MOST, max(1, int(SHARE * len(order))))
    found: list[list[int]] = [[] for _ in order]
    for place, task in enumerate(order):
        near = order[max(place - WINDOW, 0) : place] + order[place + 1 : place + 1 + WINDOW]
        distances = [
            (abs(seconds[other] - seconds[task]) + abs(needs[other] - needs[task]), other) for other in near
        ]
        found[task] = [other for _, other in nsmallest(kept, distances)]
    return found


def _mean_log(column: tuple[float, ...]) -> float:
    logs = [math.log(max(seconds, 1e-9)) for seconds in column if seconds < math.inf]
    return sum(logs) / max(len(logs), 1)

"""What runs when on one VM whose memory may bind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush

from airflow_provider_hads.model import Placement

__all__ = ["end_and_moment_of", "end_of", "placements_of"]

EDGE = 1e-9
"""Share of a VM's memory by which sums of floats may exceed it."""


def end_of(
    order: Sequence[int],
    times: Sequence[float],
    memory: Sequence[float],
    slots: int,
    room: float,
    latest: float = math.inf,
) -> float:
    """Return when a VM has run its tasks, which start in that order as soon as there is a slot and memory.

    A task that does not fit yet lets those behind it pass (list scheduling, the "parallel" scheme of
    resource-constrained project scheduling).

    :param times: seconds on this VM by task.
    :param memory: MB by task.
    :param room: MB of the VM.
    :param latest: seconds; an end that is later than this is not looked for, but told as infinity.
    """
    return end_and_moment_of(order, times, memory, slots, room, latest)[0]


def end_and_moment_of(
    order: Sequence[int],
    times: Sequence[float],
    memory: Sequence[float],
    slots: int,
    room: float,
    latest: float = math.inf,
) -> tuple[float, float]:
    """Return the end as :func:`end_of` does, and the moment of the work about the start, in square seconds.

    The moment is the integral of time x the share of the VM in use: of its cores or of its memory, the larger
    of the two. The earlier the work lies, the smaller it is; of a VM full from 0 to E it is E x E / 2.
    """
    needs, seconds = [memory[task] for task in order], [times[task] for task in order]
    running: list[tuple[float, float]] = []
    free, idle, least = room * (1 + EDGE), slots, min(needs, default=0.0)
    now = end = moment = moment_of_cores = 0.0
    while needs:
        place, left = 0, len(needs) if free >= least else 0
        while idle and place < left:
            need = needs[place]
            if need > free:
                place += 1
                continue
            free -= need
            del needs[place]
            length = seconds.pop(place)
            over = now + length
            turned = length * (now + 0.5 * length)
            moment_of_cores += turned
            moment += turned * need
            if over > end:
                if over > latest:
                    return math.inf, math.inf
                end = over
            heappush(running, (over, need))
            idle -= 1
            left -= 1
            if free < least:
                break
        now, need = heappop(running)
        free += need
        idle += 1
        while running and running[0][0] <= now:
            free += heappop(running)[1]
            idle += 1
    return end, max(moment / room, moment_of_cores / slots)


def placements_of(
    order: Sequence[int],
    times: Sequence[float],
    memory: Sequence[float],
    slots: int,
    room: float,
    names: Sequence[str],
) -> tuple[Placement, ...]:
    """Return the same as places on cores.

    :param names: ids by task.
    """
    waiting = list(order)
    running: list[tuple[float, int, float]] = []
    cores = list(range(slots))
    free = room * (1 + EDGE)
    now = 0.0
    placed = []
    while waiting:
        for task in [*waiting]:
            if cores and memory[task] <= free:
                waiting.remove(task)
                free -= memory[task]
                core = heappop(cores)
                placed.append(Placement(names[task], core, now, now + times[task]))
                heappush(running, (now + times[task], core, memory[task]))
        now, core, need = heappop(running)
        heappush(cores, core)
        free += need
        while running and running[0][0] <= now:
            _, core, need = heappop(running)
            heappush(cores, core)
            free += need
    return tuple(placed)

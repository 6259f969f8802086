"""The timeline of one VM: cores x memory x time."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["MEMORY_TOLERANCE", "Slot", "Timeline", "last_end"]

MEMORY_TOLERANCE = 1e-9
"""Share of a VM's memory by which sums of floats may exceed it."""


class Slot(NamedTuple):
    """A place for one task: a core and a span of seconds from the VM's start."""

    core: int
    start: float
    end: float


class Timeline:
    """What runs when on the cores of one VM, and the memory in use over time.

    The placement rule is the published one: a task goes behind the last task of a core, or later, to the
    moment when a task of another core ends; the earliest end wins, then the lowest core. No gap is filled.
    The memory rule is not the published one. That adds up the largest overlapping task of each core, though
    they need not run at the same time, and overlooks tasks that start and end within the new one's span.
    Here the sum of what runs at each moment must fit.

    :param cores: tasks at once; 1 for a VM that runs one task at a time.
    :param memory: MB over all cores.
    """

    __slots__ = ("_free_from", "_limit", "_moments", "_tails", "_used", "makespan", "memory")

    def __init__(self, cores: int, memory: float) -> None:
        self.memory = memory
        self.makespan = 0.0
        self._limit = memory * (1 + MEMORY_TOLERANCE)
        self._tails = [0.0] * cores
        self._free_from = 0.0
        # A step function: _used[k] MB from _moments[k] on; nothing is in use from the last moment on.
        self._moments = [0.0]
        self._used = [0.0]

    @property
    def cores(self) -> int:
        """Number of cores."""
        return len(self._tails)

    @property
    def core_ends(self) -> tuple[float, ...]:
        """When each core's last task ends, seconds."""
        return tuple(self._tails)

    @property
    def peak_memory(self) -> float:
        """Most MB in use at any moment."""
        return max(self._used)

    def earliest(self, runtime: float, memory: float, latest_end: float = math.inf) -> Slot | None:
        """Return where a task would end first, or None if the VM is too small for it or that is too late.

        :param runtime: seconds on this VM.
        :param memory: MB.
        :param latest_end: seconds; a task may end at that very moment.
        """
        start = self._free_from
        if memory > self._limit or start + runtime > latest_end:
            return None
        start = self._first_fit(start, runtime, self._limit - memory, latest_end)
        if start + runtime > latest_end:
            return None
        core = next(index for index, tail in enumerate(self._tails) if tail <= start)
        return Slot(core, start, start + runtime)

    def insert(self, slot: Slot, memory: float) -> None:
        """Occupy a slot, which must lie behind the core's last task.

        :param memory: MB in use from the slot's start to its end.
        """
        first, last = self._split(slot.start), self._split(slot.end)
        for index in range(first, last):
            self._used[index] += memory
        self._tails[slot.core] = slot.end
        self._free_from = min(self._tails)
        self.makespan = max(self.makespan, slot.end)

    def _first_fit(self, start: float, runtime: float, room: float, latest_end: float) -> float:
        """Return the first moment from which at most ``room`` MB are in use for ``runtime`` seconds.

        What is returned is too late, but need not be the first, where that moment is too late.
        """
        moments, used = self._moments, self._used
        end = start + runtime
        for index in range(bisect_right(moments, start) - 1, len(moments)):
            if moments[index] >= end or end > latest_end:
                break
            if used[index] > room:
                # What blocks here ends with this step: the next one starts where a task ends.
                start = moments[index + 1]
                end = start + runtime
        return start

    def _split(self, moment: float) -> int:
        """Return the index of the step that starts at that moment; it is made where there is none."""
        index = bisect_left(self._moments, moment)
        if index == len(self._moments) or self._moments[index] != moment:
            self._moments.insert(index, moment)
            self._used.insert(index, self._used[index - 1])
        return index


def last_end(cores: int, memory: float, tasks: Iterable[tuple[float, float]], latest: float) -> float:
    """Return when a :class:`Timeline` ends on which tasks were put, each where it ends first; but quicker.

    :param tasks: pairs of seconds and MB, in the order in which they are placed.
    :param latest: seconds; infinity is returned if some task ends later.
    """
    limit = memory * (1 + MEMORY_TOLERANCE)
    moments, used = [0.0], [0.0]
    tails = [0.0] * cores
    free_from = 0.0
    for runtime, need in tasks:
        start, room = free_from, limit - need
        end = start + runtime
        if room < 0 or end > latest:
            return math.inf
        first = index = bisect_right(moments, start) - 1
        while index < len(moments) and moments[index] < end:
            if used[index] > room:
                first = index + 1
                start = moments[first]
                end = start + runtime
            index += 1
        if end > latest:
            return math.inf
        if moments[first] != start:
            first += 1
            index += 1
            moments.insert(first, start)
            used.insert(first, used[first - 1])
        if index == len(moments) or moments[index] != end:
            moments.insert(index, end)
            used.insert(index, used[index - 1])
        for step in range(first, index):
            used[step] += need
        core = 0
        while tails[core] > start:
            core += 1
        tails[core] = end
        free_from = min(tails)
    return max(tails)

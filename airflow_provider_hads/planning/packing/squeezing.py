"""Make the last core of a fleet end earlier, whatever that costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

__all__ = ["Cores", "squeeze"]

STEPS = 800_000
"""Exchanges tried, in all."""
ROUND = 1000
"""Exchanges tried for each task, to reach one goal."""
VAIN = 4
"""Rounds that reach no goal, after which it is over."""
GOAL = 0.998
"""What each round aims at, as a share of the end that there is."""
HOT, COLD = 0.005, 0.0001
"""Temperatures, as shares of the mean task's seconds."""
COOLING = 100
"""Exchanges between two temperatures."""
MOVES, SINGLES, DOUBLES = 0.2, 0.7, 0.82
"""Up to which share the tries move a task, exchange one for one, two for two; the others two for one."""
EDGE = 1e-9
"""Seconds of lateness that are none."""


class Cores:
    """The cores of a fleet, and which tasks each has.

    :param rows: seconds by core and task; infinite where the task can't run.
    :param waits: by core, the seconds before its first task.
    """

    def __init__(self, rows: Sequence[Sequence[float]], waits: Sequence[float]) -> None:
        self.rows = rows
        self.waits = waits
        self.load = list(waits)
        self.tasks: list[list[int]] = [[] for _ in rows]

    def put(self, task: int, core: int) -> None:
        """Add a task to a core."""
        self.load[core] += self.rows[core][task]
        self.tasks[core].append(task)

    def end(self) -> float:
        """Return when the last core ends, of those that have tasks."""
        return max(load for load, tasks in zip(self.load, self.tasks, strict=True) if tasks)

    def least(self) -> float:
        """Return seconds before which no distribution of the tasks ends."""
        shortest = [min(column) for column in zip(*self.rows, strict=True)]
        return max(*shortest, math.fsum(shortest) / len(self.rows)) if shortest else 0.0

    def fill(self, tasks: Sequence[Sequence[int]]) -> None:
        """Give each core its tasks anew; loads are summed up anew."""
        self.load, self.tasks = list(self.waits), [[] for _ in self.rows]
        for core, row in enumerate(tasks):
            for task in row:
                self.put(task, core)


def squeeze(cores: Cores, rng: Random, wanted: float) -> float:
    """Lower the end of the last core; return it.

    Annealing (Kirkpatrick, Gelatt and Vecchi, 1983) of the seconds by which cores are later than a goal that
    is a bit earlier than the last end; as soon as none is, the next goal is set. Tasks are exchanged, one or
    two for none, one or two, since all cores are nearly full. What is found on the way does not depend on
    what is wanted.

    :param wanted: seconds; with such an end it is over.
    """
    least = cores.least()
    end, left, vain = cores.end(), STEPS, 0
    while left > 0 and vain < VAIN and end > max(wanted, least * (1 + EDGE)):
        best = [list(tasks) for tasks in cores.tasks]
        squeezing = _Squeezing(cores, rng, max(end * GOAL, least))
        left -= squeezing.run(min(left, ROUND * len(squeezing.core_of)))
        cores.fill(cores.tasks)
        if cores.end() < end:
            end = cores.end()
        else:
            vain += 1
            cores.fill(best)
    return end


class _Squeezing:
    """One round."""

    def __init__(self, cores: Cores, rng: Random, goal: float) -> None:
        self.rows, self.load, self.tasks = cores.rows, cores.load, cores.tasks
        self.random, self.goal = rng.random, goal
        self.core_of = [0] * sum(map(len, cores.tasks))
        for core, tasks in enumerate(cores.tasks):
            for task in tasks:
                self.core_of[task] = core
        seconds = sum(load - wait for load, wait in zip(cores.load, cores.waits, strict=True))
        self.unit = seconds / len(self.core_of)
        self.late = sum(
            max(load - goal, 0.0) for load, tasks in zip(self.load, self.tasks, strict=True) if tasks
        )
        self.temperature = HOT * self.unit

    def run(self, steps: int) -> int:
        """Anneal until no core is late; return the number of tries."""
        cooling = (COLD / HOT) ** (COOLING / steps)
        self.temperature = HOT * self.unit
        for number in range(steps):
            if self.late <= EDGE:
                return number
            if number % COOLING == 0:
                self.temperature *= cooling
            self._try()
        return steps

    def _try(self) -> None:
        """Try to move a task, or to exchange one or two for one or two."""
        random, core_of = self.random, self.core_of
        task, kind = int(random() * len(core_of)), random()
        source = core_of[task]
        if kind < MOVES:
            self._exchange(source, int(random() * len(self.load)), (task,), ())
            return
        other = int(random() * len(core_of))
        target = core_of[other]
        if kind < SINGLES:
            self._exchange(source, target, (task,), (other,))
            return
        second = self._any_of(source)
        third = self._any_of(target) if kind < DOUBLES else other
        if second != task:
            self._exchange(source, target, (task, second), (other, third) if third != other else (other,))

    def _any_of(self, core: int) -> int:
        tasks = self.tasks[core]
        return tasks[int(self.random() * len(tasks))]

    def _exchange(self, source: int, target: int, out: tuple[int, ...], back: tuple[int, ...]) -> None:
        """Exchange tasks of two cores if that is accepted."""
        if source == target:
            return
        here, there = self.rows[source], self.rows[target]
        before = self.load[source], self.load[target]
        after = before[0], before[1]
        for task in out:
            after = after[0] - here[task], after[1] + there[task]
        for task in back:
            after = after[0] + here[task], after[1] - there[task]
        change = self._late(*after) - self._late(*before)
        if change > 0 and change > -self.temperature * math.log(self.random() or 1e-300):
            return
        self.late += change
        self.load[source], self.load[target] = after
        self._carry(out, source, target)
        self._carry(back, target, source)

    def _late(self, one: float, other: float) -> float:
        goal = self.goal
        return (one - goal if one > goal else 0.0) + (other - goal if other > goal else 0.0)

    def _carry(self, tasks: tuple[int, ...], source: int, target: int) -> None:
        for task in tasks:
            self.tasks[source].remove(task)
            self.tasks[target].append(task)
            self.core_of[task] = target

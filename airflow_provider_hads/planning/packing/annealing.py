"""Simulated annealing: tasks move and change places."""

from __future__ import annotations

import math
from random import Random

from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["anneal"]

LEAST = 1e-12
"""Dollars: the least temperature, of jobs that cost nothing."""
FEW = 12
"""Tasks of a core, on average: with fewer, moves rarely find room, and one is exchanged for two, too."""
MOVES, FEWER_MOVES, TRADES = 0.5, 0.25, 0.25
"""Shares of the tries: moves, where there are many or few tasks on a core, and exchanges of one for two."""
EDGE = 1e-9
"""Seconds by which sums of the same runtimes in another order may differ."""


def anneal(fleet: Fleet, rng: Random, steps: int, hot: float, cold: float, share: float, stop: Stop) -> float:
    """Improve a fleet in place by random moves; return the least cost seen, to which it is set back.

    :param steps: tries.
    :param hot: temperature at first, dollars.
    :param cold: at last.
    :param share: how much of a VM's price counts for the work that it does, not for the time it lives: it
        guides the search where no last task moves.
    :param stop: says when to end early.
    """
    return _Annealing(fleet, rng, share).run(steps, hot, cold, stop)


class _Annealing:
    def __init__(self, fleet: Fleet, rng: Random, share: float) -> None:
        self.fleet, self.rng = fleet, rng
        choices = fleet.instance.choices
        self.share = share
        self.times = [fleet.instance.times[choice] for choice in fleet.choice]
        self.latest = [choices[choice].latest + EDGE for choice in fleet.choice]
        self.rate = [choices[choice].rate * (1 - share) for choice in fleet.choice]
        self.work = [choices[choice].rate * share / choices[choice].slots for choice in fleet.choice]
        self.end = fleet.ends()
        self.cost = fleet.cost()
        self.best = self.cost
        self.best_cores = list(fleet.core_of)

    def run(self, steps: int, hot: float, cold: float, stop: Stop) -> float:
        fleet, random = self.fleet, self.rng.random
        tasks, cores = len(fleet.core_of), len(fleet.vm)
        rounds = max(1, steps // 200)
        hot, cold = max(hot, LEAST), max(cold, LEAST)
        cooling = (cold / hot) ** (1 / rounds)
        temperature = hot
        moves = FEWER_MOVES if tasks < FEW * cores else MOVES
        trades = moves + TRADES if tasks < FEW * cores else moves
        for _ in range(rounds):
            if self.cost < self.best - 1e-12:
                self.best, self.best_cores = self.cost, list(fleet.core_of)
            for _ in range(200):
                task = int(random() * tasks)
                kind = random()
                if kind < moves:
                    self._move(task, int(random() * cores), temperature)
                elif kind < trades:
                    self._trade(task, int(random() * tasks), temperature)
                else:
                    self._swap(task, int(random() * tasks), temperature)
            temperature *= cooling
            if stop():
                break
        if self.cost > self.best:
            self._go_back()
        self.cost = fleet.cost()
        return self.cost

    def _go_back(self) -> None:
        fleet = self.fleet
        for task in range(len(fleet.core_of)):
            fleet.take(task)
        for task, core in enumerate(self.best_cores):
            fleet.put(task, core)

    def _move(self, task: int, to: int, temperature: float) -> None:
        fleet = self.fleet
        load, vms = fleet.load, fleet.vm
        core = fleet.core_of[task]
        if core == to:
            return
        old, new = vms[core], vms[to]
        added = self.times[new][task]
        raised = load[to] + added
        if raised > self.latest[new]:
            return
        removed = self.times[old][task]
        change = added * self.work[new] - removed * self.work[old]
        end_new = self.end[new]
        limit = -temperature * math.log(self.rng.random() or 1e-300)
        if old == new:
            if load[core] < end_new and raised <= end_new:
                end_old = end_new
            else:
                kept = load[core]
                load[core], load[to] = kept - removed, raised
                end_old = fleet.end(old)
                load[core], load[to] = kept, raised - added
                change += (end_old - end_new) * self.rate[old]
            if change > limit:
                return
            self.end[old] = end_old
        else:
            if raised > end_new:
                change += (raised - end_new) * self.rate[new]
                end_new = raised
            end_old = self.end[old]
            if load[core] >= end_old:
                if change - removed * self.rate[old] > limit:
                    return
                kept = load[core]
                load[core] = kept - removed
                end_old = fleet.end(old)
                load[core] = kept
                change += (end_old - kept) * self.rate[old]
            if change > limit:
                return
            self.end[old], self.end[new] = end_old, end_new
        load[core] -= removed
        load[to] = raised
        fleet.tasks[core].remove(task)
        fleet.tasks[to].append(task)
        fleet.core_of[task] = to
        self.cost += change

    def _swap(self, task: int, other: int, temperature: float) -> None:
        fleet = self.fleet
        load, vms = fleet.load, fleet.vm
        core, to = fleet.core_of[task], fleet.core_of[other]
        if core == to:
            return
        old, new = vms[core], vms[to]
        out, back = self.times[old], self.times[new]
        load_core = load[core] + out[other] - out[task]
        load_to = load[to] + back[task] - back[other]
        if load_core > self.latest[old] or load_to > self.latest[new]:
            return
        work = (out[other] - out[task]) * self.work[old] + (back[task] - back[other]) * self.work[new]
        if self._settles(core, to, load_core, load_to, work, temperature):
            fleet.tasks[core].remove(task)
            fleet.tasks[to].remove(other)
            fleet.tasks[core].append(other)
            fleet.tasks[to].append(task)
            fleet.core_of[task], fleet.core_of[other] = to, core

    def _trade(self, task: int, other: int, temperature: float) -> None:
        """Exchange two tasks of a core for one of another."""
        fleet = self.fleet
        load, vms = fleet.load, fleet.vm
        core, to = fleet.core_of[task], fleet.core_of[other]
        if core == to:
            return
        mates = fleet.tasks[core]
        mate = mates[int(self.rng.random() * len(mates))]
        if mate == task:
            return
        old, new = vms[core], vms[to]
        out, back = self.times[old], self.times[new]
        load_core = load[core] + out[other] - out[task] - out[mate]
        load_to = load[to] + back[task] + back[mate] - back[other]
        if load_core > self.latest[old] or load_to > self.latest[new]:
            return
        work = (out[other] - out[task] - out[mate]) * self.work[old]
        work += (back[task] + back[mate] - back[other]) * self.work[new]
        if self._settles(core, to, load_core, load_to, work, temperature):
            for one in (task, mate):
                fleet.tasks[core].remove(one)
                fleet.tasks[to].append(one)
                fleet.core_of[one] = to
            fleet.tasks[to].remove(other)
            fleet.tasks[core].append(other)
            fleet.core_of[other] = core

    def _settles(
        self, core: int, to: int, load_core: float, load_to: float, change: float, temperature: float
    ) -> bool:
        """Set the loads of two cores if that is accepted; say whether it is.

        :param change: of what the work costs, dollars.
        """
        fleet = self.fleet
        load, old, new = fleet.load, fleet.vm[core], fleet.vm[to]
        kept_core, kept_to = load[core], load[to]
        load[core], load[to] = load_core, load_to
        if old == new:
            end_old = end_new = fleet.end(old)
        else:
            end_old = self._end_after(old, kept_core, load_core)
            end_new = self._end_after(new, kept_to, load_to)
            change += (end_new - self.end[new]) * self.rate[new]
        change += (end_old - self.end[old]) * self.rate[old]
        if change > 0 and change > -temperature * math.log(self.rng.random() or 1e-300):
            load[core], load[to] = kept_core, kept_to
            return False
        self.end[old], self.end[new] = end_old, end_new
        self.cost += change
        return True

    def _end_after(self, vm: int, before: float, after: float) -> float:
        """Return a VM's end after one of its cores has changed its load."""
        end = self.end[vm]
        if after > end:
            return after
        return self.fleet.end(vm) if before >= end else end

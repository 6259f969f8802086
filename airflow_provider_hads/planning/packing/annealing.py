"""Simulated annealing: tasks move and change places."""

from __future__ import annotations

import math
from bisect import bisect
from random import Random

from airflow_provider_hads.planning.packing.compiled_search import COMPILED, anneal_cores
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["anneal"]

LEAST = 1e-12
"""Dollars: the least temperature, of jobs that cost nothing."""
FEW = 12
"""Tasks of a core, on average: with fewer, moves rarely find room, and one is exchanged for two, too."""
MOVES, FEWER_MOVES, TRADES = 0.5, 0.25, 0.25
"""Shares of the tries: moves, where there are many or few tasks on a core, and exchanges of one for two."""
NEAREST = 0.05
"""Up to this share of all tasks those lie, in the order of their lengths, that are exchanged at last."""
BATCH, BATCHES = 200, 40
"""Tries between two temperatures; and how often, at most, it is settled anew what work costs."""
EDGE = 1e-9
"""Seconds by which sums of the same runtimes in another order may differ."""


def anneal(fleet: Fleet, rng: Random, steps: int, hot: float, cold: float, share: float, stop: Stop) -> float:
    """Improve a fleet in place by random moves; return the least cost seen, to which it is set back.

    :param steps: tries.
    :param hot: temperature at first, dollars.
    :param cold: at last.
    :param share: how much of a VM's price counts, at first, for the work that it does, not for the time it
        lives: it guides the search where no last task moves. None does at last.
    :param stop: says when to end early.
    """
    hot, cold, batches = max(hot, LEAST), max(cold, LEAST), max(1, steps // BATCH)
    every, cooling = -(-batches // BATCHES), (cold / hot) ** (1 / batches)
    if COMPILED:
        anneal_cores(fleet, rng, batches, every, EDGE, hot, cooling, share, stop)
    else:
        _Annealing(fleet, rng).run(batches, every, hot, cooling, share, stop)
    return fleet.cost()


class _Annealing:
    def __init__(self, fleet: Fleet, rng: Random) -> None:
        self.fleet, self.rng = fleet, rng
        instance = fleet.instance
        kinds = [instance.choices[choice] for choice in fleet.choice]
        self.times = [instance.times[choice] for choice in fleet.choice]
        self.latest = [kind.latest + EDGE for kind in kinds]
        self.price, self.slots = [kind.rate for kind in kinds], [kind.slots for kind in kinds]
        self.rate, self.work = self.price, [0.0] * len(kinds)
        self.end = fleet.ends()
        self.best, self.best_cores = self._cost(), list(fleet.core_of)
        self.order, self.place, self.lengths = instance.by_length
        self.width = float(len(self.order))

    def run(self, batches: int, every: int, hot: float, cooling: float, share: float, stop: Stop) -> None:
        temperature = hot
        for batch in range(batches):
            if batch % every == 0:
                self._settle_prices(share, batch / batches)
            self._try_some(temperature)
            cost = self._cost()
            if cost < self.best - LEAST:
                self.best, self.best_cores = cost, list(self.fleet.core_of)
            temperature *= cooling
            if stop():
                break
        self.fleet.assign(self.best_cores)

    def _settle_prices(self, share: float, done: float) -> None:
        """Set what work costs, and how near tasks must be for an exchange, when a part has been done."""
        share *= 1 - done
        self.rate = [price * (1 - share) for price in self.price]
        self.work = [price * share / slots for price, slots in zip(self.price, self.slots, strict=True)]
        self.width = len(self.order) * NEAREST**done

    def _try_some(self, temperature: float) -> None:
        random, place = self.rng.random, self.place
        tasks, cores = len(place), len(self.fleet.vm)
        few = tasks < FEW * cores
        moves = FEWER_MOVES if few else MOVES
        trades = moves + TRADES if few else moves
        for _ in range(BATCH):
            task = int(random() * tasks)
            kind = random()
            if kind < moves:
                self._move(task, int(random() * cores), temperature)
            elif kind < trades:
                self._trade(task, temperature)
            else:
                self._swap(task, self._near(place[task]), temperature)

    def _near(self, place: int) -> int:
        """Return a task that is near a place in the order of lengths."""
        tasks = len(self.order)
        found = place + int((2 * self.rng.random() - 1) * self.width)
        if found < 0:
            found = -found
        return self.order[found if found < tasks else 2 * tasks - found - 1]

    def _cost(self) -> float:
        """Return dollars, summed up one by one as the compiled search does it."""
        cost = 0.0
        for price, end in zip(self.price, self.end, strict=True):
            cost += price * end
        return cost

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

    def _trade(self, task: int, temperature: float) -> None:
        """Exchange two tasks of a core for one of another that is about as long as both."""
        fleet = self.fleet
        load, vms = fleet.load, fleet.vm
        core = fleet.core_of[task]
        mates = fleet.tasks[core]
        mate = mates[int(self.rng.random() * len(mates))]
        if mate == task:
            return
        lengths, place = self.lengths, self.place
        both = lengths[place[task]] + lengths[place[mate]]
        other = self._near(min(bisect(lengths, both), len(lengths) - 1))
        to = fleet.core_of[other]
        if core == to:
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
        return True

    def _end_after(self, vm: int, before: float, after: float) -> float:
        """Return a VM's end after one of its cores has changed its load."""
        end = self.end[vm]
        if after > end:
            return after
        return self.fleet.end(vm) if before >= end else end

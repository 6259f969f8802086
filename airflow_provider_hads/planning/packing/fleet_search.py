"""Search over fleets: which VMs there are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from airflow_provider_hads.planning.packing.annealing import anneal
from airflow_provider_hads.planning.packing.construction import Costs, build, complete
from airflow_provider_hads.planning.packing.filling import fill, longest_first
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.regrouping import regroup
from airflow_provider_hads.planning.stopping import Stop

__all__ = ["Heat", "improve_fleet"]

LOOKED_AT = 2
"""Changed fleets of which the cheapest, as filled at first, is annealed."""
CHANGES = (*((1, 1),) * 4, *((0, 1),) * 3, (1, 2), (2, 1), (2, 2))
"""VMs that are closed and opened at once."""
NEAR = 1.03
"""A choice is of use to a task if it costs it at most so many times the least."""
REGROUPED, REGROUPINGS = 0.6, 40
"""Share of the changes that leave all but a few VMs as they are; of so many the cheapest is annealed."""


@dataclass(frozen=True)
class Heat:
    """How the search anneals.

    :param steps: tries.
    :param hot: first temperature, dollars.
    :param cold: last temperature, dollars.
    :param share: see :func:`~airflow_provider_hads.planning.packing.annealing.anneal`.
    :param stop: says when to end early.
    """

    steps: int
    hot: float
    cold: float
    share: float
    stop: Stop

    def apply(self, fleet: Fleet, rng: Random) -> float:
        """Anneal a fleet; return its cost."""
        return anneal(fleet, rng, self.steps, self.hot, self.cold, self.share, self.stop)


def improve_fleet(fleet: Fleet, costs: Costs, rng: Random, heat: Heat, tries: int, slack: float) -> Fleet:
    """Return the cheapest fleet seen while VMs are closed, opened and replaced at random.

    :param slack: share by which a fleet to go on from may be dearer than the last one, at first.
    """
    cost = heat.apply(fleet, rng)
    best, best_cost = fleet, cost if fleet.complete else math.inf
    changes = _Changes(costs, rng)
    for number in range(tries):
        if heat.stop():
            break
        if number == tries // 2 and best.complete:
            fleet, cost = best, best_cost
        changed = changes.best_of_some(fleet)
        if changed is None:
            continue
        changed_cost = heat.apply(changed, rng)
        if changed_cost < cost * (1 + slack * (1 - number / tries)):
            fleet, cost = changed.copy(), changed_cost
        if changed_cost < best_cost and changed.complete:
            best, best_cost = changed.copy(), changed_cost
    return best


class _Changes:
    """Random changes of which VMs there are."""

    def __init__(self, costs: Costs, rng: Random) -> None:
        self.costs, self.rng = costs, rng
        self.weights = _use_of_choices(costs)

    def best_of_some(self, fleet: Fleet) -> Fleet | None:
        """Return a changed fleet, or None."""
        if self.rng.random() < REGROUPED:
            return regroup(fleet, self.weights, self.rng, REGROUPINGS)
        if self.rng.random() < 0.3:
            return self._closed(fleet)
        return min(self._built(fleet), key=Fleet.cost, default=None)

    def _built(self, fleet: Fleet) -> Iterator[Fleet]:
        for _ in range(LOOKED_AT):
            changed = self._changed(fleet)
            built = None if changed is None else self._filled(changed)
            if built is not None:
                yield built

    def _filled(self, fleet: Fleet) -> Fleet | None:
        """Put all tasks on an empty fleet; what fits nowhere is parked, or gets new VMs."""
        if self.rng.random() < 0.5:
            return build(fleet, self.costs)
        tasks = longest_first(fleet.instance, range(len(fleet.instance.tasks)))
        fleet.park(fill(fleet, tasks, self.costs))
        return fleet

    def _changed(self, fleet: Fleet) -> Fleet | None:
        """Return a fleet of some other VMs, without tasks."""
        closed, opened = self.rng.choice(CHANGES)
        without = frozenset(self._any_vm(fleet) for _ in range(closed))
        changed = fleet.copy(without, anew=True)
        for _ in range(opened):
            allowed = [choice for choice in range(len(self.costs)) if changed.allows(choice)]
            if not allowed:
                break
            weights = [self.weights[choice] for choice in allowed]
            changed.open(self.rng.choices(allowed, weights)[0])
        return changed if changed.choice else None

    def _closed(self, fleet: Fleet) -> Fleet | None:
        """Close a VM and put its tasks elsewhere, on the others or on new VMs."""
        vm = self._any_vm(fleet)
        tasks = [task for core in fleet.cores(vm) for task in fleet.tasks[core]]
        return complete(fleet.copy(frozenset({vm})), longest_first(fleet.instance, tasks), self.costs)

    def _any_vm(self, fleet: Fleet) -> int:
        return self.rng.randrange(len(fleet.choice))


def _use_of_choices(costs: Costs) -> list[float]:
    """Return weights: by how many tasks a choice is of use to, but each is tried now and then."""
    weights = [1.0] * len(costs)
    for column in zip(*costs, strict=True):
        edge = min(column) * NEAR
        near = [choice for choice, cost in enumerate(column) if cost <= edge]
        for choice in near:
            weights[choice] += 4.0 * len(costs) / len(column) / len(near)
    return weights

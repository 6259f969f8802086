"""Search over fleets: which VMs there are."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from airflow_provider_hads.planning.packing.annealing import anneal
from airflow_provider_hads.planning.packing.construction import Costs, build, complete
from airflow_provider_hads.planning.packing.effort import Stop
from airflow_provider_hads.planning.packing.filling import longest_first
from airflow_provider_hads.planning.packing.fleet import Fleet

__all__ = ["Heat", "improve_fleet"]


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
    best, best_cost = fleet, cost
    for number in range(tries):
        if heat.stop():
            break
        changed = _changed(fleet, costs, rng)
        if changed is None:
            continue
        changed_cost = heat.apply(changed, rng)
        if changed_cost < cost * (1 + slack * (1 - number / tries)):
            fleet, cost = changed.copy(), changed_cost
        if changed_cost < best_cost:
            best, best_cost = changed.copy(), changed_cost
    return best


def _changed(fleet: Fleet, costs: Costs, rng: Random) -> Fleet | None:
    kind = rng.random()
    if kind < 0.3:
        return _closed(fleet, costs, rng)
    empty = fleet.copy(frozenset() if kind < 0.5 else frozenset({_any_vm(fleet, rng)}), anew=True)
    allowed = [choice for choice in range(len(fleet.instance.choices)) if empty.allows(choice)]
    if not allowed:
        return None
    empty.open(rng.choice(allowed))
    return build(empty, costs)


def _closed(fleet: Fleet, costs: Costs, rng: Random) -> Fleet | None:
    """Close a VM and put its tasks elsewhere, on the others or on new VMs."""
    vm = _any_vm(fleet, rng)
    tasks = [task for core in fleet.cores(vm) for task in fleet.tasks[core]]
    return complete(fleet.copy(frozenset({vm})), longest_first(fleet.instance, tasks), costs)


def _any_vm(fleet: Fleet, rng: Random) -> int:
    return rng.randrange(len(fleet.choice))

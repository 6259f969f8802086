"""Changes of a few VMs where memory may bind: their tasks fill other VMs; all else stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_filling import fill_from_pool
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet

__all__ = ["regroup_orders", "use_of_choices"]

CLOSED = (1, 1, 2, 2, 3)
"""VMs of which the tasks move."""
MOST = 4
"""VMs that are opened for them, at most."""
HORIZONS = (1.0, 1.0, 0.8, 0.5)
"""Shares of the latest end up to which a VM is filled."""
REACHES = (1.0, 1.5, 1e9)
"""See :func:`~airflow_provider_hads.planning.packing.memory_filling.fill_from_pool`."""
FAVOUR = 4
"""The power of a choice's price for a task's work by which it is tried less often."""


@dataclass(frozen=True)
class _Change:
    closed: frozenset[int]
    opened: tuple[tuple[int, list[int]], ...]
    """Pairs of a choice and its tasks, in order."""
    cost: float

    def applied(self, fleet: MemoryFleet) -> MemoryFleet:
        """Return the changed fleet."""
        kept = [vm for vm, order in enumerate(fleet.orders) if order and vm not in self.closed]
        choices = [fleet.choice[vm] for vm in kept] + [choice for choice, _ in self.opened]
        orders = [list(fleet.orders[vm]) for vm in kept] + [order for _, order in self.opened]
        return MemoryFleet(fleet.instance, choices, orders)


def use_of_choices(instance: Instance) -> list[float]:
    """Return weights: the cheaper the tasks' work is on a choice, the more often it is to be tried."""
    rows = []
    for kind, times in zip(instance.choices, instance.times, strict=True):
        rows.append(
            [
                kind.rate * seconds * max(1 / kind.slots, memory / kind.type.memory)
                for seconds, memory in zip(times, instance.memory, strict=True)
            ]
        )
    least = list(map(min, zip(*rows, strict=True)))
    shares = [
        sum((best / cost) ** FAVOUR if cost > 0 else 1.0 for best, cost in zip(least, row, strict=True))
        for row in rows
    ]
    return [0.02 + share / len(least) for share in shares]


def regroup_orders(
    fleet: MemoryFleet, weights: Sequence[float], rng: Random, tries: int
) -> MemoryFleet | None:
    """Return the fleet after the best of some random changes, or None if none of them can be made.

    :param weights: by choice, how often it is tried.
    """
    counts = Fleet(fleet.instance)
    for choice in fleet.choice:
        counts.open(choice)
    changes = (_any_change(fleet, counts, weights, rng) for _ in range(tries))
    best = min(filter(None, changes), key=lambda change: change.cost, default=None)
    return None if best is None else best.applied(fleet)


def _any_change(fleet: MemoryFleet, counts: Fleet, weights: Sequence[float], rng: Random) -> _Change | None:
    """Return a random change, or None if it is not allowed or some task has no room."""
    instance, choices = fleet.instance, fleet.instance.choices
    closed = {int(rng.random() * len(fleet.choice)) for _ in range(rng.choice(CLOSED))}
    memory = instance.memory
    pool = sorted((memory[task], task) for vm in closed for task in fleet.orders[vm])
    cost = -sum(choices[fleet.choice[vm]].rate * fleet.end[vm] for vm in closed)
    opened: list[tuple[int, list[int]]] = []
    kinds = rng.choices(range(len(weights)), weights, k=MOST)
    for choice in kinds:
        if not pool or not counts.allows_instead(closed, [one for one, _ in opened] + [choice]):
            break
        horizon = choices[choice].latest * rng.choice(HORIZONS)
        order = fill_from_pool(instance, choice, pool, horizon, rng.choice(REACHES))
        opened.append((choice, order))
    if pool or not opened:
        return None
    for choice, order in opened:
        cost += choices[choice].rate * fleet.end_on(choice, order)
    return _Change(frozenset(closed), tuple(opened), cost)

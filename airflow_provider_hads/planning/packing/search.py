"""From an instance to the cheapest plan that a search of a given effort finds."""

from __future__ import annotations

import math
from random import Random

from airflow_provider_hads.model import PlannedVm
from airflow_provider_hads.planning.packing.ascent import best_prices
from airflow_provider_hads.planning.packing.construction import Costs, construct, priced, widest
from airflow_provider_hads.planning.packing.effort import Effort, quick_effort
from airflow_provider_hads.planning.packing.equal_tasks import are_equal, best_rounds, scalings
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.fleet_search import Heat, improve_fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_annealing import anneal_orders
from airflow_provider_hads.planning.packing.memory_construction import from_cores, from_pools
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.planned import planned_from_cores, planned_from_orders
from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation

__all__ = ["search"]

LEAST_WORK = (0.05, 0.3, 0.9)
"""Shares of a VM's time that there must be work for, to open it."""
FULL = (1.0, 0.93)
FULLS = (1.0, 0.93, 0.85, 0.75, 0.65)
HOT, WARM, COOL, COLD = 0.05, 0.005, 0.002, 0.0005
"""Temperatures, as shares of the mean task's cost."""
SLACK = 0.02
PARKED = 4.0
"""A parked task costs so many times what it does on the dearest core."""
MEMORY_STEPS = 80_000
MEMORY_STARTS, SMALL = 2, 500
"""Fleets that are annealed where memory may bind, for jobs up to that size."""
MEMORY_STEP = 20
"""How many steps on cores take as long as one where memory may bind."""


def search(instance: Instance, effort: Effort, seed: int) -> list[PlannedVm] | None:
    """Return the VMs of the cheapest plan found, or None."""
    if not instance.tasks or not instance.solvable:
        return None if instance.tasks else []
    _, prices = best_prices(instance, 3 if effort.last else 0)
    costs = priced(instance, Relaxation(instance), prices)
    if are_equal(instance) and (equal := _equal(instance, prices)) is not None:
        return planned_from_cores(equal)
    rng = Random(seed)
    roomy = all(instance.roomy)
    fleet = _on_cores(instance, costs, effort if roomy else quick_effort(len(instance.tasks)), rng)
    if roomy:
        return None if fleet is None else planned_from_cores(fleet)
    found = _with_memory(instance, costs, effort, rng, fleet)
    return None if found is None else planned_from_orders(found)


def _equal(instance: Instance, prices: Prices) -> Fleet | None:
    """Return the cheapest fleet for equal tasks, if one is found within the limits over all types."""
    best: Fleet | None = None
    for scaled in scalings(prices):
        fleet = best_rounds(instance, scaled).fleet(instance)
        if fleet is not None and (best is None or fleet.cost() < best.cost()):
            best = fleet
        if best is not None and scaled.free:
            break  # none is cheaper, with the limits or without
    return best


def _on_cores(instance: Instance, costs: Costs, effort: Effort, rng: Random) -> Fleet | None:
    """Return the cheapest fleet found without regard to memory."""
    instance = instance.with_parking(PARKED * max(choice.rate / choice.slots for choice in instance.choices))
    costs = [*costs, [math.inf] * len(instance.tasks)]
    quick = not effort.last and len(instance.tasks) > SMALL
    shares = LEAST_WORK[1:2] if quick else LEAST_WORK
    starts = [fleet for least in shares if (fleet := construct(instance, costs, least)) is not None]
    if not starts and (fleet := widest(instance, costs)) is not None:
        starts.append(fleet)
    if not starts:
        return None
    fleet = min(starts, key=Fleet.cost).copy()
    unit = fleet.cost() / len(instance.tasks)
    heat = Heat(effort.each, HOT * unit, COOL * unit, 0.6, effort.stop)
    fleet = improve_fleet(fleet, costs, rng, heat, effort.fleets, SLACK)
    if effort.last:
        Heat(effort.last // 2, HOT * unit, WARM * unit, 0.7, effort.stop).apply(fleet, rng)
        Heat(effort.last // 2, WARM * unit, COLD * unit, 0.1, effort.stop).apply(fleet, rng)
    return fleet


def _with_memory(
    instance: Instance, costs: Costs, effort: Effort, rng: Random, fleet: Fleet | None
) -> MemoryFleet | None:
    shares = FULLS if effort.last and len(instance.tasks) <= SMALL else FULL
    starts = [from_pools(instance, costs, full) for full in shares]
    starts.append(None if fleet is None else from_cores(fleet))
    found = sorted(
        (start for start in starts if start is not None and start.in_time()), key=MemoryFleet.cost
    )[: MEMORY_STARTS if effort.last and len(instance.tasks) <= SMALL else 1]
    steps = min((effort.last or effort.each) // MEMORY_STEP, MEMORY_STEPS)
    for fleet_found in found:
        unit = fleet_found.cost() / len(instance.tasks)
        anneal_orders(fleet_found, rng, steps // 2, HOT * unit, WARM * unit, 0.5, effort.stop)
        anneal_orders(fleet_found, rng, steps // 2, WARM * unit, COLD * unit, 0.1, effort.stop)
    return min(found, key=MemoryFleet.cost, default=None)

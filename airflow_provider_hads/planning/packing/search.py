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
from airflow_provider_hads.planning.packing.memory_search import best_with_memory, is_sketched
from airflow_provider_hads.planning.packing.planned import planned_from_cores, planned_from_orders
from airflow_provider_hads.planning.packing.relaxation import Prices

__all__ = ["search"]

LEAST_WORK = (0.05, 0.3, 0.9)
"""Shares of a VM's time that there must be work for, to open it."""
HOT, COOL, COLD = 0.05, 0.002, 0.0005
"""Temperatures, as shares of the mean task's cost."""
WORK = 0.8
"""How much of a VM's price counts at first for the work that it does."""
SLACK = 0.02
PARKED = 4.0
"""A parked task costs so many times what it does on the dearest core."""
SMALL = 500
"""Tasks up to which a quick search tries several first fleets."""
FULL_PRICES, MEMORY_PRICES, QUICK_PRICES = (3, 8), (1, 0), (0, 0)
"""How far the relaxation is solved, and with how many resources of large tasks: it takes long with memory."""


def search(instance: Instance, effort: Effort, seed: int) -> list[PlannedVm] | None:
    """Return the VMs of the cheapest plan found, or None."""
    if not instance.tasks or not instance.solvable:
        return None if instance.tasks else []
    equal = are_equal(instance)
    if is_sketched(instance, effort) and not equal:
        costs: Costs = [[work for *_, work in uses] for uses in instance.uses]
    else:
        relaxation, prices = best_prices(instance, *_pricing(instance, effort))
        costs = priced(instance, relaxation, prices)
        if equal and (fleet := _equal(instance, prices)) is not None:
            return planned_from_cores(fleet)
    return _searched(instance, costs, effort, Random(seed))


def _searched(instance: Instance, costs: Costs, effort: Effort, rng: Random) -> list[PlannedVm] | None:
    roomy = all(instance.roomy)
    fleet = _on_cores(instance, costs, effort if roomy else quick_effort(len(instance.tasks)), rng)
    if roomy:
        return None if fleet is None else planned_from_cores(fleet)
    found = best_with_memory(instance, costs, effort, rng, fleet)
    return None if found is None else planned_from_orders(found)


def _pricing(instance: Instance, effort: Effort) -> tuple[int, int]:
    if not effort.last:
        return QUICK_PRICES
    return FULL_PRICES if all(instance.roomy) else MEMORY_PRICES


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
    heat = Heat(effort.each, HOT * unit, COOL * unit, WORK, effort.stop)
    fleet = improve_fleet(fleet, costs, rng, heat, effort.fleets, SLACK)
    if effort.last:
        Heat(effort.last, HOT * unit, COLD * unit, WORK, effort.stop).apply(fleet, rng)
    return fleet

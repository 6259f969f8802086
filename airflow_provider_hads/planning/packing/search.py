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
from airflow_provider_hads.planning.packing.memory_filling import BEST_FIT
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.memory_fleet_search import improve_orders
from airflow_provider_hads.planning.packing.planned import planned_from_cores, planned_from_orders
from airflow_provider_hads.planning.packing.relaxation import Prices

__all__ = ["search"]

LEAST_WORK = (0.05, 0.3, 0.9)
"""Shares of a VM's time that there must be work for, to open it."""
REACHES, QUICK_REACHES = (1.0, 1.5, BEST_FIT), (1.25, BEST_FIT)
FULL = (1.0, 0.93)
FULLS = (1.0, 0.93, 0.8, 0.65)
HOT, WARM, COOL, COLD = 0.05, 0.005, 0.002, 0.0005
"""Temperatures, as shares of the mean task's cost."""
SLACK = 0.02
PARKED = 4.0
"""A parked task costs so many times what it does on the dearest core."""
MEMORY_STEPS = 150_000
MEMORY_STARTS, SMALL = 4, 500
"""Fleets that are annealed where memory may bind, for jobs up to that size."""
MEMORY_LEAST, MEMORY_PER_CHOICE = 8_000, 340
"""Annealing steps of small jobs, at least, and how many fewer there are for each choice."""
MANY, MANY_LARGE = 22, 45
"""Tasks of one VM, in small and in large jobs, from which on the more there are the fewer are the steps."""
MEMORY_EACH = 4
"""Annealing steps for each task of a changed fleet, where memory may bind."""
MEMORY_STEP, MEMORY_STEP_LARGE = 12, 14
"""How many steps on cores are given up for one where memory may bind, in small and in large jobs."""


FULL_PRICES, MEMORY_PRICES, QUICK_PRICES = (3, 8), (1, 0), (0, 0)
"""How far the relaxation is solved, and with how many resources of large tasks: it takes long with memory."""


def search(instance: Instance, effort: Effort, seed: int) -> list[PlannedVm] | None:
    """Return the VMs of the cheapest plan found, or None."""
    if not instance.tasks or not instance.solvable:
        return None if instance.tasks else []
    relaxation, prices = best_prices(instance, *_pricing(instance, effort))
    costs = priced(instance, relaxation, prices)
    if are_equal(instance) and (equal := _equal(instance, prices)) is not None:
        return planned_from_cores(equal)
    rng = Random(seed)
    roomy = all(instance.roomy)
    fleet = _on_cores(instance, costs, effort if roomy else quick_effort(len(instance.tasks)), rng)
    if roomy:
        return None if fleet is None else planned_from_cores(fleet)
    found = _with_memory(instance, costs, effort, rng, fleet)
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
    heat = Heat(effort.each, HOT * unit, COOL * unit, 0.6, effort.stop)
    fleet = improve_fleet(fleet, costs, rng, heat, effort.fleets, SLACK)
    if effort.last:
        Heat(effort.last // 2, HOT * unit, WARM * unit, 0.7, effort.stop).apply(fleet, rng)
        Heat(effort.last // 2, WARM * unit, COLD * unit, 0.1, effort.stop).apply(fleet, rng)
    return fleet


def _with_memory(
    instance: Instance, costs: Costs, effort: Effort, rng: Random, fleet: Fleet | None
) -> MemoryFleet | None:
    """Return the cheapest fleet found where memory may bind."""
    thorough = effort.last > 0 and len(instance.tasks) <= SMALL
    starts = _memory_starts(instance, costs, thorough, bool(effort.last), fleet)
    if not starts:
        return None
    unit = starts[0].cost() / len(instance.tasks)
    steps = _memory_steps(starts[0], effort, thorough)
    best = _best_memory_fleet(starts, effort, rng, steps, unit) if thorough else starts[0]
    anneal_orders(best, rng, steps // 2, HOT * unit, WARM * unit, 0.5, effort.stop)
    anneal_orders(best, rng, steps // 2, WARM * unit, COLD * unit, 0.1, effort.stop)
    return best


def _memory_steps(fleet: MemoryFleet, effort: Effort, thorough: bool) -> int:
    """Return how many annealing steps there is time for: one takes longer where a VM has many tasks."""
    many = MANY if thorough else MANY_LARGE
    share = min(1.0, many * len(fleet.choice) / len(fleet.instance.tasks))
    if not effort.last:
        return effort.each // MEMORY_STEP
    if thorough:
        steps = effort.last // MEMORY_STEP - MEMORY_PER_CHOICE * len(fleet.instance.choices)
        return int(share * max(steps, MEMORY_LEAST))
    return int(share * min(effort.last // MEMORY_STEP_LARGE, MEMORY_STEPS))


def _memory_starts(
    instance: Instance, costs: Costs, thorough: bool, full_search: bool, fleet: Fleet | None
) -> list[MemoryFleet]:
    """Return first fleets of different VMs, the cheapest first."""
    reaches = REACHES if full_search else QUICK_REACHES
    fulls = FULLS if thorough else FULL
    starts = [from_pools(instance, costs, full, reach) for full in fulls for reach in reaches]
    starts.append(None if fleet is None else from_cores(fleet))
    found = [start for start in starts if start is not None and start.in_time()]
    dearest_first = sorted(found, key=MemoryFleet.cost, reverse=True)
    distinct = {tuple(sorted(start.choice)): start for start in dearest_first}  # the cheapest of equal VMs
    return sorted(distinct.values(), key=MemoryFleet.cost)


def _best_memory_fleet(
    starts: list[MemoryFleet], effort: Effort, rng: Random, steps: int, unit: float
) -> MemoryFleet:
    """Return the cheapest fleet that is found from some of the first ones by changes of its VMs."""
    tasks = len(starts[0].instance.tasks)
    each = MEMORY_EACH * tasks
    for start in starts[:MEMORY_STARTS]:
        anneal_orders(start, rng, 3 * each, HOT * unit, WARM * unit, 0.5, effort.stop)
    best = min(starts, key=MemoryFleet.cost)
    return improve_orders(best, rng, each, steps // each, HOT * unit, COOL * unit, SLACK, effort.stop)

"""The search where memory may bind: from many first fleets to one that is improved."""

from __future__ import annotations

from random import Random

from airflow_provider_hads.planning.packing.compiled_search import COMPILED
from airflow_provider_hads.planning.packing.construction import Costs
from airflow_provider_hads.planning.packing.effort import Effort
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.memory_annealing import anneal_orders
from airflow_provider_hads.planning.packing.memory_construction import from_cores, from_pools
from airflow_provider_hads.planning.packing.memory_filling import BEST_FIT
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.memory_sketch import sketched_fleet

__all__ = ["best_with_memory", "is_sketched"]

REACHES, QUICK_REACHES = (1.0, 1.5, BEST_FIT), (1.25, BEST_FIT)
FULL = (1.0, 0.93)
HOT, WARM, COOL, COLD = 0.05, 0.05, 0.02, 0.01
"""Temperatures, as shares of the mean task's cost."""
WORK, LESS_WORK = 0.7, 0.4
"""How much of a VM's price counts at first for the work that it does: for each fleet, and for the best."""
FEW_STEPS = (0.01, 0.0005, 0.5)
"""Both temperatures and this share where each task gets few steps: in large jobs and quick searches."""
SKETCHED, SMALL = 250, 500
"""Tasks up to which a job is sketched, and up to which several fleets are annealed."""
FEWEST_SKETCHES, SKETCHED_TASKS = (5, 1_000) if COMPILED else (7, 0)
"""Sketches: as many as have so many tasks altogether, but not fewer."""
MOST_SKETCHES = 24
ROUNDS = ((3, 16, HOT), (1, 8, WARM))
"""How many fleets are kept after each round, what part of the last annealing's steps each one gets in it, and
at what temperature it begins."""
STEP, SKETCH_STEP, STEP_LARGE, STEP_QUICK = (2.5, 20, 4, 12) if COMPILED else (7, 5, 8, 12)
"""How many steps on cores are given up for one here: where a small job is annealed or sketched, where a large
one is annealed, and by a quick search."""
MOST = 1_200_000 if COMPILED else 300_000
"""Annealing steps of a large job."""
MANY, MANY_LARGE = 20, 45
"""Tasks on the VM of a task, on average, from which on the more there are the fewer are the steps."""


def is_sketched(instance: Instance, effort: Effort) -> bool:
    """Say whether the search starts from sketches, which need no prices."""
    return not all(instance.roomy) and effort.last > 0 and len(instance.tasks) <= SKETCHED


def best_with_memory(
    instance: Instance, costs: Costs, effort: Effort, rng: Random, fleet: Fleet | None
) -> MemoryFleet | None:
    """Return the cheapest fleet found where memory may bind.

    :param costs: dollars by choice and task.
    :param fleet: one that was found without regard to memory.
    """
    reaches = REACHES if effort.last else QUICK_REACHES
    found = [from_pools(instance, costs, full, reach) for full in FULL for reach in reaches]
    found.append(None if fleet is None else from_cores(instance, fleet))
    if is_sketched(instance, effort):
        steps = effort.last // SKETCH_STEP
        sketches = max(FEWEST_SKETCHES, SKETCHED_TASKS // len(instance.tasks))
        found += [
            sketched_fleet(instance, rng, steps, effort.stop) for _ in range(min(sketches, MOST_SKETCHES))
        ]
    starts = _distinct(found)
    if not starts:
        return None
    if effort.last and len(instance.tasks) <= SMALL:
        return _best_of(starts, effort, rng)
    best = starts[0]
    unit = best.cost() / len(instance.tasks)
    hot, cold, work = FEW_STEPS
    anneal_orders(best, rng, _steps(best, effort), hot * unit, cold * unit, work, effort.stop)
    return best


def _distinct(fleets: list[MemoryFleet | None]) -> list[MemoryFleet]:
    """Return those that end in time, of equal VMs the cheapest, the cheapest first."""
    found = [fleet for fleet in fleets if fleet is not None and fleet.in_time()]
    dearest_first = sorted(found, key=MemoryFleet.cost, reverse=True)
    distinct = {tuple(sorted(fleet.choice)): fleet for fleet in dearest_first}
    return sorted(distinct.values(), key=MemoryFleet.cost)


def _best_of(fleets: list[MemoryFleet], effort: Effort, rng: Random) -> MemoryFleet:
    """Anneal all fleets a bit, the few that are the cheapest then for longer, and the best for longest.

    :param fleets: the cheapest first.
    """
    unit = fleets[0].cost() / len(fleets[0].instance.tasks)
    for kept, part, hot in ROUNDS:
        for fleet in fleets:
            steps = _small_steps(fleet, effort) // part
            anneal_orders(fleet, rng, steps, hot * unit, COOL * unit, WORK, effort.stop)
        fleets = sorted(fleets, key=MemoryFleet.cost)[:kept]
    best = fleets[0]
    anneal_orders(best, rng, _small_steps(best, effort), WARM * unit, COLD * unit, LESS_WORK, effort.stop)
    return best


def _small_steps(fleet: MemoryFleet, effort: Effort) -> int:
    return int(effort.last // STEP * min(1.0, MANY / _queue(fleet)))


def _steps(fleet: MemoryFleet, effort: Effort) -> int:
    """Return how many annealing steps there is time for: one takes longer where a VM has many tasks."""
    if not effort.last:
        return effort.each // STEP_QUICK
    return int(min(effort.last // STEP_LARGE, MOST) * min(1.0, MANY_LARGE / _queue(fleet)))


def _queue(fleet: MemoryFleet) -> float:
    """Return how many tasks there are, on average, on the VM of a task."""
    return sum(len(order) ** 2 for order in fleet.orders) / len(fleet.vm_of)

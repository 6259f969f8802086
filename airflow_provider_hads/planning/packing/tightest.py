"""The earliest deadline: on as many VMs as the limits allow, whatever they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from heapq import heapify, heapreplace
from random import Random

from airflow_provider_hads.model import Market, Plan
from airflow_provider_hads.planning.packing.filling import longest_first
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import BOTH, Instance, compile_instance
from airflow_provider_hads.planning.packing.planned import planned_from_cores
from airflow_provider_hads.planning.packing.squeezing import Cores, squeeze
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline

__all__ = ["tightest_plan"]


def tightest_plan(
    request: PlanRequest,
    planner: str,
    rounded: Callable[[float], float],
    markets: tuple[Market, ...] = BOTH,
) -> Plan | None:
    """Return a plan for the request's deadline or, where none is found, for the earliest later one.

    What is found does not depend on the request's deadline: a plan for a later one is found again when that
    is asked for. Under the safe rule there are on-demand VMs only. They do where spot VMs do: these could be
    lost before their first task ends, and all their work would be left to those.

    :param planner: the planner's name.
    :param rounded: rounds a later deadline up.
    :param markets: to buy in.
    :return: None where memory may bind, or where no deadline helps.
    """
    reserve = _spot_reserve(request)
    if reserve == math.inf:
        markets = tuple(market for market in markets if market is not Market.SPOT)
    plenty = replace(request, deadline=_plenty(request, reserve))
    instance = compile_instance(plenty, plenty.horizon, markets)
    if not instance.tasks or not instance.solvable or not all(instance.roomy):
        return None
    waits = [reserve if choice.market is Market.SPOT else 0.0 for choice in instance.choices]
    starts = [(cores, fleet) for fleet in _widest(instance) if (cores := _spread(fleet, waits)) is not None]
    if not starts:
        return None
    cores, fleet = min(starts, key=lambda start: start[0].end())
    end = squeeze(cores, Random(request.seed), request.horizon)
    met = request if end <= request.horizon else replace(request, deadline=_deadline(request, end, rounded))
    return _plan(met, planner, fleet, cores)


def _spot_reserve(request: PlanRequest) -> float:
    """Return the seconds between D_spot and the deadline; infinite for the safe rule."""
    if request.spot_deadline is SpotDeadlineRule.SAFE:
        return math.inf
    runtimes = (max(task.runtimes.values(), default=0.0) for task in request.job.tasks.values())
    late = replace(request, deadline=request.lead_time + math.fsum(runtimes))
    return late.horizon - published_spot_deadline(late)


def _plenty(request: PlanRequest, reserve: float) -> float:
    """Return a deadline that no task alone can miss."""
    runtimes = (max(task.runtimes.values(), default=0.0) for task in request.job.tasks.values())
    return request.lead_time + max(runtimes, default=0.0) + (reserve if reserve < math.inf else 0.0)


def _widest(instance: Instance) -> Iterator[Fleet]:
    """Yield fleets of as many VMs as the limits allow: the strongest first, or those of the fastest cores."""
    shortest = list(map(min, zip(*instance.times, strict=True)))
    speeds = [
        math.fsum(least / seconds for least, seconds in zip(shortest, times, strict=True) if seconds)
        for times in instance.times
    ]
    strengths = [speed * kind.slots for speed, kind in zip(speeds, instance.choices, strict=True)]
    for values in (strengths, speeds):
        fleet = Fleet(instance)
        for choice in sorted(range(len(values)), key=values.__getitem__, reverse=True):
            while len(fleet.choice) < len(instance.tasks) and fleet.allows(choice):
                fleet.open(choice)
        yield fleet


def _spread(fleet: Fleet, waits: list[float]) -> Cores | None:
    """Put the tasks, longest first, each where it ends first; None if one can run nowhere.

    :param waits: by choice, the seconds before its first task.
    """
    instance = fleet.instance
    choices = [fleet.choice[vm] for vm in fleet.vm]
    cores = Cores([instance.times[choice] for choice in choices], [waits[choice] for choice in choices])
    heaps: dict[int, list[tuple[float, int]]] = {}
    for core, choice in enumerate(choices):
        heaps.setdefault(choice, []).append((cores.load[core], core))
    for heap in heaps.values():
        heapify(heap)
    for task in longest_first(instance, range(len(instance.tasks))):
        ends = ((heap[0][0] + instance.times[choice][task], choice) for choice, heap in heaps.items())
        end, choice = min(ends, default=(math.inf, 0))
        if end == math.inf:
            return None
        core = heaps[choice][0][1]
        cores.put(task, core)
        heapreplace(heaps[choice], (cores.load[core], core))
    return cores


def _deadline(request: PlanRequest, end: float, rounded: Callable[[float], float]) -> float:
    """Return the earliest deadline for work that ends then."""
    deadline = rounded(request.lead_time + end)
    while deadline - request.lead_time < end:
        deadline = math.nextafter(deadline, math.inf)
    return deadline


def _plan(request: PlanRequest, planner: str, fleet: Fleet, cores: Cores) -> Plan:
    safe = request.spot_deadline is SpotDeadlineRule.SAFE
    d_spot = 0.0 if safe else published_spot_deadline(request)
    for core, tasks in enumerate(cores.tasks):
        for task in tasks:
            fleet.put(task, core)
    vms = planned_from_cores(fleet, {Market.SPOT: d_spot, Market.ON_DEMAND: request.horizon})
    job = request.job
    return Plan(job.id, job.name, planner, request.deadline, tuple(vms), d_spot, request.spot_deadline.value)

"""First fleets: as many VMs of each choice as the relaxation has work for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from airflow_provider_hads.planning.packing.filling import fill, longest_first
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation

__all__ = ["build", "complete", "construct", "priced", "widest"]

Costs = Sequence[Sequence[float]]

BATCHES = 4
"""Of the VMs that are still needed, one in so many is opened before it is asked again which to open."""
SAMPLE = 500
"""Tasks that are looked at to choose a VM for them, at most."""


def priced(instance: Instance, relaxation: Relaxation, prices: Prices) -> Costs:
    """Return each task's cost in the relaxation's prices, by choice and task."""
    cores = relaxation.core_prices(prices)
    costs = [[seconds * core for seconds in times] for times, core in zip(instance.times, cores, strict=True)]
    for resource, price in zip(relaxation.resources, prices.resources, strict=True):
        row = costs[resource.choice]
        times = instance.times[resource.choice]
        for task, (seconds, memory) in enumerate(zip(times, instance.memory, strict=True)):
            row[task] += price * resource.use(seconds, memory)
    return costs


def construct(instance: Instance, costs: Costs, least: float) -> Fleet | None:
    """Return a fleet with all tasks, or None.

    :param least: share of a VM's time that there must be work for, to open it.
    """
    wanted = []
    for choice, time in enumerate(_living_time(instance, costs)):
        vms = time / instance.usable[choice]
        wanted.append((vms, choice, int(vms) + (vms - int(vms) > least)))
    fleet = Fleet(instance)
    for _, choice, count in sorted(wanted, reverse=True):
        for _ in range(count):
            if fleet.allows(choice):
                fleet.open(choice)
    return build(fleet, costs)


def widest(instance: Instance, costs: Costs) -> Fleet | None:
    """Return a fleet of all VMs within the limits, the strongest first; None if even that is not enough."""
    fleet = Fleet(instance)
    order = sorted(
        range(len(costs)), key=lambda choice: instance.choices[choice].slots * instance.choices[choice].latest
    )
    for choice in reversed(order):
        while len(fleet.choice) < len(instance.tasks) and fleet.allows(choice):
            fleet.open(choice)
    return build(fleet, costs) or build(fleet.emptied(), instance.times)


def build(fleet: Fleet, costs: Costs) -> Fleet | None:
    """Put all tasks on an empty fleet, longest first, with more VMs where needed; None if that fails."""
    return complete(fleet, longest_first(fleet.instance, range(len(fleet.instance.tasks))), costs)


def complete(fleet: Fleet, tasks: list[int], costs: Costs) -> Fleet | None:
    """Put tasks on a fleet, in that order, with more VMs where it needs them; None if that fails."""
    left = fill(fleet, tasks, costs)
    while left:
        choice = _choice_for(fleet, left)
        if choice is None:
            return None
        first = len(fleet.choice)
        for _ in range(_at_a_time(fleet.instance, choice, left)):
            if fleet.allows(choice):
                fleet.open(choice)
        left = fill(fleet, left, costs, first)  # the others have no room for any of these
    return fleet


def _living_time(instance: Instance, costs: Costs) -> list[float]:
    """Return the seconds of work for the VMs of each choice, if each task goes where it costs least."""
    times = [0.0] * len(instance.choices)
    for task, column in enumerate(zip(*costs, strict=True)):
        choice = column.index(min(column))
        kind, seconds = instance.choices[choice], instance.times[choice][task]
        times[choice] += max(seconds / kind.slots, seconds * instance.memory[task] / kind.type.memory)
    return times


def _choice_for(fleet: Fleet, tasks: list[int]) -> int | None:
    """Return the choice that does most of the tasks' work for its money."""
    best, found = math.inf, None
    for choice in range(len(fleet.instance.choices)):
        if fleet.allows(choice):
            price = _price_of_task(fleet.instance, choice, tasks)
            if price < best:
                best, found = price, choice
    return found


def _at_a_time(instance: Instance, choice: int, tasks: list[int]) -> int:
    """Return how many VMs of a choice to open at once: of many that are needed, a part."""
    return max(1, len(tasks) // (BATCHES * _room(instance, choice, _seconds(instance, choice, tasks))))


def _seconds(instance: Instance, choice: int, tasks: list[int]) -> list[float]:
    """Return the runtimes on a choice of those tasks that it can run, or of a sample of them."""
    times = instance.times[choice]
    sample = tasks[:: -(-len(tasks) // SAMPLE)]
    return [time for task in sample if (time := times[task]) < math.inf] or [
        time for task in tasks if (time := times[task]) < math.inf
    ]


def _room(instance: Instance, choice: int, seconds: list[float]) -> int:
    """Return how many tasks of about those runtimes a VM has room for."""
    kind = instance.choices[choice]
    mean = sum(seconds) / len(seconds)
    return kind.slots * max(1, int(kind.latest / mean))


def _price_of_task(instance: Instance, choice: int, tasks: list[int]) -> float:
    """Return about how many dollars a VM of a choice takes for one of the tasks."""
    kind = instance.choices[choice]
    seconds = _seconds(instance, choice, tasks)
    if not seconds:
        return math.inf
    count = min(len(seconds), _room(instance, choice, seconds))
    end = kind.latest if count < len(seconds) else max(*seconds, sum(seconds) / kind.slots)
    return kind.rate * end / count

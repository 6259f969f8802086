"""A request as arrays: what a search looks up millions of times."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from airflow_provider_hads.model import InstanceType, Market, Task
from airflow_provider_hads.planning.draft import can_run
from airflow_provider_hads.planning.packing.alike import alike
from airflow_provider_hads.planning.packing.arrays import Arrays, MemoryArrays
from airflow_provider_hads.planning.packing.usable_time import usable_time
from airflow_provider_hads.planning.packing.uses import Use, uses_of
from airflow_provider_hads.planning.request import PlanRequest

__all__ = ["Choice", "Instance", "compile_instance"]

LEAST = 1e-9
"""Seconds."""
BOTH = (Market.SPOT, Market.ON_DEMAND)


@dataclass(frozen=True)
class Choice:
    """One kind of VM to be bought: a type in a market.

    :param rate: dollars a second.
    :param slots: tasks at once.
    :param latest: seconds; the latest end of its tasks.
    :param limit: most VMs of it, all limits considered, each alone.
    """

    type: InstanceType
    market: Market
    rate: float
    slots: int
    latest: float
    limit: int


class Instance:
    """The request of one search. Tasks and choices are numbered from 0.

    :param request: whose limits hold.
    :param choices: kinds of VM that are allowed at all.
    """

    def __init__(self, request: PlanRequest, choices: list[Choice]) -> None:
        self.request = request
        self.choices = choices
        self.tasks: list[Task] = list(request.job.tasks.values())
        self.memory = [task.memory for task in self.tasks]
        self.times = [self._times(choice) for choice in choices]
        """Seconds by choice and task; infinite where the task can't run, or not in time."""
        self.usable = [
            max(usable_time(times, choice.latest), LEAST)
            for times, choice in zip(self.times, choices, strict=True)
        ]
        """By choice, the latest end that a VM can have."""
        self.market_limits = dict(request.environment.global_limits)
        self.vcpu_limit = request.vcpu_limit
        self.roomy = [self._is_roomy(choice) for choice in choices]
        """By choice, whether its memory can never bind."""
        self.parking: int | None = None
        """The choice that stands for no VM at all, if there is one."""

    @cached_property
    def uses(self) -> list[list[Use]]:
        """What tasks use of a VM, by choice and task."""
        return [
            uses_of(times, self.memory, kind.slots, kind.type.memory, kind.rate)
            for times, kind in zip(self.times, self.choices, strict=True)
        ]

    @cached_property
    def alike(self) -> list[list[int]]:
        """By task, those that are most like it."""
        return alike(self.times, self.memory)

    @cached_property
    def by_length(self) -> tuple[list[int], list[int], list[float]]:
        """Tasks by rising length, each taken where it is shortest; by task, its place there; the lengths."""
        shortest = list(map(min, zip(*self.times, strict=True)))
        order = sorted(range(len(shortest)), key=shortest.__getitem__)
        place = [0] * len(order)
        for number, task in enumerate(order):
            place[task] = number
        return order, place, [shortest[task] for task in order]

    @cached_property
    def arrays(self) -> Arrays:
        """The same for compiled searches."""
        return Arrays(self.times, self.memory, self.by_length)

    @cached_property
    def memory_arrays(self) -> MemoryArrays:
        """What those read where memory may bind."""
        return MemoryArrays(self.uses, self.alike)

    def with_parking(self, rate: float) -> Instance:
        """Return the same with one choice more, the parking: for tasks that fit nowhere yet.

        It is a VM of one slot and no end, so that each task adds its own cost.

        :param rate: dollars a second.
        """
        parked = copy(self)
        parked.__dict__.pop("arrays", None)
        parked.parking = len(self.choices)
        nowhere = InstanceType("parking", 0, math.inf, 0.0, {}, {})
        parked.choices = [*self.choices, Choice(nowhere, Market.ON_DEMAND, rate, 1, math.inf, 1)]
        parked.times = [*self.times, list(map(min, zip(*self.times, strict=True)))]
        parked.usable = [*self.usable, math.inf]
        parked.roomy = [*self.roomy, True]
        return parked

    def _times(self, choice: Choice) -> list[float]:
        name, room, latest = choice.type.name, choice.type.memory, choice.latest
        return [
            seconds
            if task.memory <= room and (seconds := task.runtimes.get(name, math.inf)) <= latest
            else math.inf
            for task in self.tasks
        ]

    def _is_roomy(self, choice: Choice) -> bool:
        largest = sorted(self.memory, reverse=True)[: choice.slots]
        return sum(largest) <= choice.type.memory

    def dearest_task(self) -> float:
        """Return the dollars that some task takes at least: its VM lives as long as it runs."""
        rates = [choice.rate for choice in self.choices]
        return max((min(map(mul, rates, column)) for column in zip(*self.times, strict=True)), default=0.0)

    @property
    def solvable(self) -> bool:
        """Whether each task can run on some choice, looked at alone."""
        if not self.choices:
            return not self.tasks
        return all(min(column) < math.inf for column in zip(*self.times, strict=True))


def compile_instance(
    request: PlanRequest, d_spot: float, markets: tuple[Market, ...] = BOTH, cap: float = math.inf
) -> Instance:
    """Return the request as arrays.

    :param d_spot: latest end of spot work, seconds.
    :param markets: to buy in.
    :param cap: seconds; a latest end of all work before the deadline.
    """
    horizon = min(request.horizon, cap)
    latest = {Market.SPOT: min(d_spot, horizon), Market.ON_DEMAND: horizon}
    choices = [
        Choice(
            kind,
            market,
            kind.price(market) / 3600,
            request.slots(kind.vcpus),
            latest[market],
            _limit(request, kind, market),
        )
        for market in markets
        for kind in request.environment.instance_types.values()
        if kind.burstable is None and kind.offers(market)
    ]
    return Instance(request, [choice for choice in choices if _is_of_use(choice, request)])


def _is_of_use(choice: Choice, request: PlanRequest) -> bool:
    tasks = request.job.tasks.values()
    return choice.limit > 0 and any(
        can_run(choice.type, task) and task.runtime(choice.type.name) <= choice.latest for task in tasks
    )


def _limit(request: PlanRequest, kind: InstanceType, market: Market) -> int:
    limit = min(kind.limit(market), request.environment.global_limit(market), len(request.job.tasks))
    return limit if request.vcpu_limit is None else min(limit, request.vcpu_limit // kind.vcpus)

"""The cheapest fleet of on-demand VMs that works off a job from one queue in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from heapq import heapify, heapreplace
from itertools import product

from airflow_provider_hads.control.backstop import find_backstop
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.mixed_queue import MixedQueue
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import RunState, TaskRecord

__all__ = ["cheapest_fleet", "fastest_seconds", "fleet_cost"]

_ANY_TIME = datetime(2020, 1, 1, tzinfo=timezone.utc)

MOST_FLEETS = 400
"""Fleets that are looked at; where the limits allow more, only those of one or two types are."""


def cheapest_fleet(mission: Mission, deadline: float) -> Mapping[str, int]:
    """Return the number of VMs of each type; boot is billed.

    :param deadline: seconds from the run's start, boot included.
    :raises InfeasibleJob: no fleet within the limits meets the deadline.
    """
    best: tuple[float, Mapping[str, int]] | None = None
    work = _LeastWork(mission)
    for fleet in _fleets(mission):
        if best is None or work.least_cost(fleet) < best[0]:
            cost = fleet_cost(mission, fleet, deadline)
            if cost is not None and (best is None or cost < best[0]):
                best = cost, fleet
    if best is None:
        problem = f"job {mission.job.id} can't be done on on-demand VMs alone within {deadline:g} s"
        raise InfeasibleJob("deadline", problem)
    return best[1]


def fastest_seconds(mission: Mission) -> float:
    """Return the seconds of a plan on all on-demand VMs the limits allow; infinite where there is none."""
    tasks = {task.id: TaskRecord(task.id) for task in mission.order}
    ledger = Ledger(RunState(_ANY_TIME, 0.0, tasks=tasks), Rules(), mission)
    return find_backstop(ledger, 0.0).end


def fleet_cost(mission: Mission, fleet: Mapping[str, int], deadline: float) -> float | None:
    """Return the dollars of a fleet, each VM ended when it has no more work; None where it is too slow."""
    if not all(name in mission.common_types for name, count in fleet.items() if count):
        return MixedQueue(mission, fleet).cost(deadline)
    slots = [
        (mission.boot, vm, name)
        for vm, name in enumerate(name for name, count in fleet.items() for _ in range(count))
        for _ in range(mission.safe_slots(mission.types[name]))
    ]
    if not slots:
        return None
    heapify(slots)
    ends = [mission.boot] * sum(fleet.values())
    prices = [
        mission.types[name].price(Market.ON_DEMAND) for name, count in fleet.items() for _ in range(count)
    ]
    for task in mission.order:
        free, vm, name = slots[0]
        runtime = task.runtimes[name]
        if free + runtime > deadline:
            return None
        heapreplace(slots, (free + runtime, vm, name))
        ends[vm] = max(ends[vm], free + runtime)
    return sum(end * price for end, price in zip(ends, prices, strict=True)) / 3600


class _LeastWork:
    """What a fleet costs at least: its boots, and each task where it is cheapest, on a VM that is full."""

    def __init__(self, mission: Mission) -> None:
        self._mission = mission
        self._known: dict[frozenset[str], float] = {}

    def least_cost(self, fleet: Mapping[str, int]) -> float:
        """Return dollars."""
        mission = self._mission
        boots = sum(count * mission.types[name].price(Market.ON_DEMAND) for name, count in fleet.items())
        used = frozenset(name for name, count in fleet.items() if count)
        if used not in self._known:
            self._known[used] = self._of_types([mission.types[name] for name in fleet if name in used])
        return boots * mission.boot / 3600 + self._known[used]

    def _of_types(self, kinds: Sequence[InstanceType]) -> float:
        mission = self._mission
        if all(kind.name in mission.common_types for kind in kinds):
            work = min((mission.price_of_work(kind, Market.ON_DEMAND) for kind in kinds), default=math.inf)
            return work * len(mission.order)
        slot_prices = [(kind.name, kind.price(Market.ON_DEMAND) / mission.slots(kind)) for kind in kinds]
        return sum(
            min((task.runtimes.get(name, 0.0) * price for name, price in slot_prices), default=0.0) / 3600
            for task in mission.order
        )


def _fleets(mission: Mission) -> Iterator[Mapping[str, int]]:
    kinds = mission.on_demand_types
    ranges = [range(min(kind.limit(Market.ON_DEMAND), len(mission.order)) + 1) for kind in kinds]
    if math.prod(len(counts) for counts in ranges) <= MOST_FLEETS:
        combinations: Iterator[Sequence[int]] = product(*ranges)
    else:
        combinations = _few_types(ranges)
    for counts in combinations:
        if _within_limits(mission, kinds, counts):
            yield {kind.name: count for kind, count in zip(kinds, counts, strict=True)}


def _few_types(ranges: Sequence[range]) -> Iterator[Sequence[int]]:
    """Yield fleets of one type, and those that take all of the cheapest types and some of the next."""
    for index, counts in enumerate(ranges):
        step = max(len(counts) // 64, 1)
        for count in sorted({*range(1, len(counts), step), counts[-1]} - {0}):
            yield [count if place == index else 0 for place in range(len(ranges))]
            yield [len(other) - 1 for other in ranges[:index]] + [count] + [0] * (len(ranges) - index - 1)


def _within_limits(mission: Mission, kinds: Sequence[InstanceType], counts: Sequence[int]) -> bool:
    vcpus = sum(kind.vcpus * count for kind, count in zip(kinds, counts, strict=True))
    within = mission.vcpu_limit is None or vcpus <= mission.vcpu_limit
    return 0 < sum(counts) <= mission.environment.global_limit(Market.ON_DEMAND) and within

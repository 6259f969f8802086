"""Tasks that are all alike: which VMs, and for how many rounds each, by dynamic programming."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import compress, repeat
from operator import add, lt

from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.relaxation import Prices, surely_left

__all__ = ["Rounds", "are_equal", "best_rounds", "scalings"]

EDGE = 1e-9
FACTORS = (0.0, 0.3, 0.6, 1.0, 1.4, 2.0, 3.0)


@dataclass(frozen=True)
class Rounds:
    """VMs by their rounds.

    :param vms: pairs of choice and number of rounds, one for each VM.
    :param bound: dollars that no plan costs less than.
    """

    vms: tuple[tuple[int, int], ...]
    bound: float

    def fleet(self, instance: Instance) -> Fleet | None:
        """Return the fleet, if it is within the limits."""
        fleet = Fleet(instance)
        tasks = iter(range(len(instance.tasks)))
        for choice, rounds in self.vms:
            if not fleet.allows(choice):
                return None
            first = fleet.first[fleet.open(choice)]
            for _ in range(rounds):
                for core, task in zip(range(_at_once(instance, choice)), tasks, strict=False):
                    fleet.put(task, first + core)
        return fleet if next(tasks, None) is None else None


@dataclass(frozen=True)
class _Item:
    """Some VMs of a choice: ``vms`` of them with ``rounds`` each."""

    choice: int
    vms: int
    rounds: int
    tasks: int
    cost: float


def are_equal(instance: Instance) -> bool:
    """Say whether no task differs from another in runtimes, nor in memory where that may bind."""
    rows = [*instance.times, *([] if all(instance.roomy) else [instance.memory])]
    return all(min(row) == max(row) for row in rows)


def best_rounds(instance: Instance, prices: Prices) -> Rounds:
    """Return the cheapest VMs for equal tasks, the limits over all types paid for at the given prices.

    A VM that runs its cores for j rounds costs j x rate x runtime, however few tasks the last round has. Of a
    choice at most one VM need have less than its most rounds. So it is a knapsack: each choice gives some
    full VMs and one other. What the limits allow is taken off the value at their price, which gives a lower
    bound; with prices of 0 and limits that don't bind, that is the least cost.
    """
    count = len(instance.tasks)
    values, taken = [0.0] + [math.inf] * count, []
    for options in _stages(instance, prices):
        values, stage = _add_stage(values, options)
        taken.append(stage)
    vms: list[tuple[int, int]] = []
    left = count
    for stage in reversed(taken):
        item = stage[left]
        if item is not None:
            vms += [(item.choice, item.rounds)] * item.vms
            left = max(left - item.tasks, 0)
    markets = instance.market_limits
    allowed = sum(markets.get(market, 0) * price for market, price in prices.markets.items())
    allowed += prices.vcpu * (instance.vcpu_limit or 0)
    return Rounds(tuple(vms), surely_left(values[count], allowed))


def scalings(prices: Prices) -> Iterator[Prices]:
    """Yield no prices for the limits over all types, then the given ones, lower and higher."""
    for factor in FACTORS if not prices.free else FACTORS[:1]:
        markets = {market: price * factor for market, price in prices.markets.items()}
        yield replace(prices, markets=markets, vcpu=prices.vcpu * factor)


def _add_stage(values: list[float], options: list[_Item]) -> tuple[list[float], list[_Item | None]]:
    """Return the values with at most one of the options, and which one was taken, by number of tasks."""
    best = list(values)
    found: list[_Item | None] = [None] * len(values)
    for item in options:
        covered = min(item.tasks, len(values))
        shifted = [values[0]] * covered + values[: len(values) - covered]
        with_item = list(map(add, shifted, repeat(item.cost)))
        for index in compress(range(len(best)), map(lt, with_item, best)):
            best[index], found[index] = with_item[index], item
    return best, found


def _stages(instance: Instance, prices: Prices) -> Iterator[list[_Item]]:
    """Yield, for each choice, its partly filled VM, then its full ones in powers of two."""
    for choice, kind in enumerate(instance.choices):
        seconds = instance.times[choice][0]
        rounds = int(kind.latest / seconds + EDGE) if 0 < seconds < math.inf else 0
        vm = prices.markets.get(kind.market, 0.0) + prices.vcpu * kind.type.vcpus
        at_once = _at_once(instance, choice)
        rounds = min(rounds, -(-len(instance.tasks) // max(at_once, 1)))
        if not rounds or not at_once:
            continue
        yield [
            _Item(choice, 1, number, number * at_once, vm + number * seconds * kind.rate)
            for number in range(1, rounds + 1)
        ]
        left, size = kind.limit - 1, 1
        while left > 0:
            size = min(size, left)
            cost = size * (vm + rounds * seconds * kind.rate)
            yield [_Item(choice, size, rounds, size * rounds * at_once, cost)]
            left, size = left - size, size * 2


def _at_once(instance: Instance, choice: int) -> int:
    kind = instance.choices[choice]
    if instance.roomy[choice]:
        return kind.slots
    return min(kind.slots, int(kind.type.memory / instance.memory[0] + EDGE))

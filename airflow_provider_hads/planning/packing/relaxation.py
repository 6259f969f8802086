"""The linear relaxation, from its dual side: prices for the time of each kind of VM."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add, mul

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning.packing.instance import Instance

__all__ = ["Prices", "Relaxation"]


@dataclass(frozen=True)
class Prices:
    """Multipliers of the relaxation; any that are not negative prove a bound.

    :param cores: dollars for a second of all cores of a VM, by choice.
    :param memory: dollars for a second of all memory of a VM, by choice.
    :param markets: dollars for a VM more in a market.
    :param vcpu: dollars for a vCPU more.
    """

    cores: tuple[float, ...]
    memory: tuple[float, ...]
    markets: dict[Market, float]
    vcpu: float

    @property
    def free(self) -> bool:
        """Whether the limits over all types have no price."""
        return not any(self.markets.values()) and not self.vcpu


class Relaxation:
    """The relaxation of an instance.

    Let x[t,k] be the share of task t on choice k, and y[k] the seconds that all VMs of k live. Every plan has

    - y[k] >= sum of x r / slots (its cores), and y[k] >= sum of x r m / memory (its memory),
    - y[k] <= usable[k] n[k] for numbers n of VMs within the limits,

    and costs the sum of rate[k] y[k]. With prices a[k], b[k] >= 0 of the first two, a + b >= rate, and prices
    g of the limits, weak duality gives: cost >= sum over tasks of the least r (a/slots + m b/memory) over the
    choices, less sum of limit[k] max(0, (a + b - rate) usable - g[market] - vcpus g[vcpu]), less the sum of
    g x limit.
    It holds for any such prices: what made them can't make the bound wrong.
    """

    def __init__(self, instance: Instance, sample: Sequence[int] | None = None) -> None:
        """Read the instance.

        :param sample: numbers of the tasks that stand for all, each for equally many; None takes all.
        """
        self.instance = instance
        tasks = range(len(instance.tasks)) if sample is None else sample
        rows = [*instance.times, instance.memory]
        counts = Counter(zip(*([row[task] for task in tasks] for row in rows), strict=True))
        weight = len(instance.tasks) / max(len(tasks), 1)
        self.counts = [weight * count for count in counts.values()]
        """By column, how many tasks are alike."""
        self.columns = [tuple(map(_finite, row[:-1])) for row in counts]
        self.memory = [row[-1] for row in counts]
        self.binding = [index for index, roomy in enumerate(instance.roomy) if not roomy]
        """Choices whose memory may bind."""

    def value(self, prices: Prices) -> float:
        """Return the lower bound that these prices prove."""
        return math.fsum(map(mul, self.counts, map(min, self.costs(prices)))) - self.rent(prices)

    def costs(self, prices: Prices) -> list[list[float]]:
        """Return each task's cost on each choice, in these prices."""
        a, b = self.weights(prices)
        if not self.binding:
            return [list(map(mul, column, a)) for column in self.columns]
        return [
            list(map(mul, column, map(add, a, [one * memory for one in b])))
            for column, memory in zip(self.columns, self.memory, strict=True)
        ]

    def weights(self, prices: Prices) -> tuple[list[float], list[float]]:
        """Return dollars for a second of one slot, and of one MB, by choice."""
        choices = self.instance.choices
        return (
            [price / choice.slots for price, choice in zip(prices.cores, choices, strict=True)],
            [price / choice.type.memory for price, choice in zip(prices.memory, choices, strict=True)],
        )

    def rent(self, prices: Prices) -> float:
        """Return the most that VMs within the limits can earn beyond their rates."""
        return sum(
            choice.limit * max(gain, 0.0)
            for choice, gain in zip(self.instance.choices, self.gains(prices), strict=True)
        ) + self.limits_cost(prices)

    def gains(self, prices: Prices) -> list[float]:
        """Return what a VM of each choice would earn if it lived as long as it may."""
        return [
            (a + b - choice.rate) * usable
            - prices.markets.get(choice.market, 0.0)
            - choice.type.vcpus * prices.vcpu
            for a, b, choice, usable in zip(
                prices.cores, prices.memory, self.instance.choices, self.instance.usable, strict=True
            )
        ]

    def limits_cost(self, prices: Prices) -> float:
        """Return the price of all that the limits over all types allow."""
        limits = self.instance.market_limits
        vcpus = prices.vcpu * (self.instance.vcpu_limit or 0)
        return sum(limits.get(market, 0) * price for market, price in prices.markets.items()) + vcpus


def _finite(seconds: float) -> float:
    return seconds if seconds < math.inf else 1e15

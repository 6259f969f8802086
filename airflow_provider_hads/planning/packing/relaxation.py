"""The linear relaxation, from its dual side: prices for the time of each kind of VM."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning.packing.arrays import RelaxationArrays
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.resources import resources_of

__all__ = ["Prices", "Relaxation", "surely_left"]

ROUNDING = 1e-11
"""Share of the larger of two sums that rounding may have added to their difference, at most."""


@dataclass(frozen=True)
class Prices:
    """Multipliers of the relaxation; any that are not negative prove a bound.

    :param cores: dollars for a second of all cores of a VM, by choice.
    :param resources: dollars for a second of a whole resource, or, if it is not timed, for the whole.
    :param markets: dollars for a VM more in a market.
    :param vcpu: dollars for a vCPU more.
    """

    cores: tuple[float, ...]
    resources: tuple[float, ...]
    markets: dict[Market, float]
    vcpu: float

    @property
    def free(self) -> bool:
        """Whether the limits over all types have no price."""
        return not any(self.markets.values()) and not self.vcpu


class Relaxation:
    """The relaxation of an instance.

    Let x[t,k] be the share of task t on choice k, y[k] the seconds that all VMs of k live, and n[k] their
    number, within the limits. Every plan has

    - y[k] >= sum of x r / slots (its cores), and y[k] >= sum of x r m for each timed resource of k (its
      memory), m being the shares that tasks use (see
      :class:`~airflow_provider_hads.planning.packing.resources.Resource`),
    - n[k] >= sum of x v for each resource of k that is not timed, v being the shares,
    - y[k] <= usable[k] n[k],
    - n[k] no less than the least that is asked for (none, unless some is given), and no more than the limit,

    and costs the sum of rate[k] y[k]. With prices a[k], b, c >= 0 of these, a[k] + the b of k >= rate[k], and
    prices g of the limits, weak duality gives: cost >= sum over tasks of the least r a / slots + sum of b r m
    + sum of c v over the choices, less the largest sum of n[k] ((a + sum of b - rate) usable + sum of c -
    g[market] - vcpus g[vcpu]), less the sum of g x limit.
    It holds for any such prices: what made them can't make the bound wrong.
    """

    def __init__(
        self,
        instance: Instance,
        large: int,
        sample: Sequence[int] | None = None,
        least: Sequence[int] = (),
    ) -> None:
        """Read the instance.

        :param large: most resources of large tasks that are looked at; the memory always is.
        :param sample: numbers of the tasks that stand for all, each for equally many; None takes all.
        :param least: by choice, how many VMs of it there are at least; none, if it is empty.
        """
        self.instance = instance
        self.least = list(least) or [0] * len(instance.choices)
        tasks = range(len(instance.tasks)) if sample is None else sample
        rows = [*instance.times, instance.memory]
        counts = Counter(zip(*([row[task] for task in tasks] for row in rows), strict=True))
        weight = len(instance.tasks) / max(len(tasks), 1)
        self.counts = [weight * count for count in counts.values()]
        """By column, how many tasks are alike."""
        self.columns = [tuple(map(_finite, row[:-1])) for row in counts]
        """Seconds by choice."""
        self.resources = resources_of(instance, large)
        self.owners = [one.choice for one in self.resources]
        """By resource, its choice."""
        self.of_choice: list[list[int]] = [[] for _ in instance.choices]
        """By choice, the numbers of its resources."""
        for number, owner in enumerate(self.owners):
            self.of_choice[owner].append(number)
        self.uses = [
            tuple(one.use(row[one.choice], row[-1]) for one in self.resources) if self.resources else ()
            for row in counts
        ]
        """By column, what the tasks use of each resource."""

    @cached_property
    def arrays(self) -> RelaxationArrays:
        """Its tables for compiled code."""
        slots = [choice.slots for choice in self.instance.choices]
        return RelaxationArrays(self.counts, self.columns, self.uses, slots, self.of_choice)

    def value(self, prices: Prices) -> float:
        """Return the lower bound that these prices prove."""
        earned = math.fsum(map(mul, self.counts, map(min, self.costs(prices))))
        return surely_left(earned, self.rent(prices))

    def costs(self, prices: Prices) -> list[list[float]]:
        """Return each task's cost on each choice, in these prices."""
        cores = self.core_prices(prices)
        rows = [list(map(mul, column, cores)) for column in self.columns]
        if self.resources:
            for row, uses in zip(rows, self.uses, strict=True):
                for owner, cost in zip(self.owners, map(mul, uses, prices.resources), strict=True):
                    row[owner] += cost
        return rows

    def core_prices(self, prices: Prices) -> list[float]:
        """Return dollars for a second of one core, by choice."""
        choices = self.instance.choices
        return [price / choice.slots for price, choice in zip(prices.cores, choices, strict=True)]

    def rent(self, prices: Prices) -> float:
        """Return the most that VMs within the limits can earn beyond their rates."""
        return sum(
            least * gain + (choice.limit - least) * max(gain, 0.0)
            for choice, gain, least in zip(self.instance.choices, self.gains(prices), self.least, strict=True)
        ) + self.limits_cost(prices)

    def gains(self, prices: Prices) -> list[float]:
        """Return what a VM of each choice would earn if it lived as long as it may."""
        return [
            self._gain(index, prices)
            - prices.markets.get(choice.market, 0.0)
            - choice.type.vcpus * prices.vcpu
            for index, choice in enumerate(self.instance.choices)
        ]

    def _gain(self, index: int, prices: Prices) -> float:
        """Return what a VM would earn beyond its rate, if there were no limits over all types."""
        second, whole = prices.cores[index] - self.instance.choices[index].rate, 0.0
        for number in self.of_choice[index]:
            if self.resources[number].timed:
                second += prices.resources[number]
            else:
                whole += prices.resources[number]
        return second * self.instance.usable[index] + whole

    def limits_cost(self, prices: Prices) -> float:
        """Return the price of all that the limits over all types allow."""
        limits = self.instance.market_limits
        vcpus = prices.vcpu * (self.instance.vcpu_limit or 0)
        return sum(limits.get(market, 0) * price for market, price in prices.markets.items()) + vcpus


def surely_left(earned: float, allowed: float) -> float:
    """Return what is left of dollars after others are taken off, whatever rounding has done to both.

    Prices may be so large that a bound is a small difference of large sums.
    """
    return earned - allowed - ROUNDING * (abs(earned) + abs(allowed))


def _finite(seconds: float) -> float:
    return seconds if seconds < math.inf else 1e15

"""A bound of what a long task brings with it: some VM lives as long as it runs."""

from __future__ import annotations

import math
from heapq import nlargest
from operator import mul

from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation, surely_left

__all__ = ["long_task_bound"]

LOOKED_AT = 4
"""Tasks of which each gives a bound."""

Items = list[tuple[float, float, int]]
"""What a task is worth for each second of a core, those seconds of all tasks that are alike, their column."""


def long_task_bound(relaxation: Relaxation, prices: Prices) -> float:
    """Return dollars that no plan costs less than.

    Some VM v runs the longest task, so it is paid for from 0 to E, no less than the task's runtime r. What
    else v runs fits into slots x E - r seconds of its cores, and is worth at most the tasks' prices in the
    relaxation, filled in by falling price a second (the fractional knapsack). All other tasks cost at least
    their prices, as in the relaxation without v. So each choice of v gives a bound, and the least of them is
    one for all plans; it holds for any prices and any task in place of the longest.
    """
    costs = relaxation.costs(prices)
    worth = list(map(min, costs))
    choices = range(len(relaxation.instance.choices))
    items = [_by_worth(relaxation, worth, choice) for choice in choices]
    total = surely_left(math.fsum(map(mul, relaxation.counts, worth)), relaxation.rent(prices))
    rates = [choice.rate for choice in relaxation.instance.choices]
    columns = nlargest(
        LOOKED_AT,
        range(len(worth)),
        key=lambda column: min(map(mul, rates, relaxation.columns[column])) - worth[column],
    )
    hosts = _Hosts(relaxation, prices, worth, items)
    return max(
        (total + min(hosts.surplus(column, at) for at in choices) for column in columns), default=total
    )


def _by_worth(relaxation: Relaxation, worth: list[float], choice: int) -> Items:
    latest = relaxation.instance.choices[choice].latest
    items = [
        (worth[column] / times[choice], times[choice] * relaxation.counts[column], column)
        for column, times in enumerate(relaxation.columns)
        if 0 < times[choice] <= latest
    ]
    return sorted(items, reverse=True)


class _Hosts:
    def __init__(
        self, relaxation: Relaxation, prices: Prices, worth: list[float], items: list[Items]
    ) -> None:
        self.relaxation, self.prices, self.worth, self.items = relaxation, prices, worth, items
        self.gains = relaxation.gains(prices)

    def surplus(self, column: int, choice: int) -> float:
        """Return by how much a plan costs more than the relaxation if a VM of that choice runs the task."""
        kind = self.relaxation.instance.choices[choice]
        seconds = self.relaxation.columns[column][choice]
        if seconds > kind.latest:
            return math.inf
        rent = self.prices.markets.get(kind.market, 0.0) + kind.type.vcpus * self.prices.vcpu
        alone = kind.rate * seconds - self.worth[column] + rent + max(self.gains[choice], 0.0)
        return alone - self._rest(column, choice, seconds)

    def _rest(self, column: int, choice: int, seconds: float) -> float:
        """Return what the VM's other tasks are worth, less the time for which it lives longer for them."""
        kind = self.relaxation.instance.choices[choice]
        paid = kind.slots * seconds - seconds
        left = kind.slots * kind.latest - seconds
        price, worth = kind.rate / kind.slots, 0.0
        for density, size, other in self.items[choice]:
            others = size - seconds if other == column else size
            taken = min(others, left if density > price else paid)
            worth += taken * density - max(taken - paid, 0.0) * price
            paid, left = max(paid - taken, 0.0), left - taken
            if paid <= 0 and density <= price:
                break
        return worth

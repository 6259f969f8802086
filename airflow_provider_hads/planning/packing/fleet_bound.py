"""A bound that knows that there are whole VMs where a limit over all types makes them scarce."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from airflow_provider_hads.planning.packing.ascent import best_prices, numbers_of_vms
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation

__all__ = ["fleet_bound"]

WORTH_IT = 0.005
"""Share of the bound that the limits over all types must be worth for this to be tried."""
STAGES = 3
"""How far the relaxations are solved."""
WHOLE = 0.02
"""VMs by which a number may differ from a whole one that it is taken for."""
SPLITS, MOST = 12, 50_000
"""How often a node is split, at most, and up to how many tasks altogether, by choice and relaxation."""


def fleet_bound(relaxation: Relaxation, prices: Prices, large: int) -> float:
    """Return dollars that no plan costs less than.

    Where a limit over all types of a market binds, the relaxation opens fractions of VMs of many types, and
    each task runs where it costs least. But of a type there is no VM or at least a whole one, which takes its
    place from the others. So the numbers of VMs are bounded type by type: with at most so many VMs of one, or
    at least one more (branch and bound; Land and Doig, "An automatic method of solving discrete programming
    problems", 1960). Each plan keeps to the bounds of some leaf of the tree, so the least of what the leaves
    prove is a bound for all plans, however far the tree has grown.
    """
    bound = relaxation.value(prices)
    if relaxation.limits_cost(prices) <= WORTH_IT * bound:
        return bound
    instance = relaxation.instance
    root = _Node(instance, (0,) * len(instance.choices), tuple(choice.limit for choice in instance.choices))
    leaves = [(bound, 0, root, _branch(relaxation, prices))]
    for number in range(min(SPLITS, MOST // (2 * len(instance.tasks) * len(instance.choices)))):
        least, _, node, branch = leaves[0]
        if branch is None:
            break
        heappop(leaves)
        for place, child in enumerate(node.children(*branch)):
            found, after = child.solved(large)
            heappush(leaves, (max(found, least), 2 * number + place + 1, child, after))
    return leaves[0][0]


def _branch(relaxation: Relaxation, prices: Prices) -> tuple[int, int] | None:
    """Return the choice whose number of VMs is the least whole, and the number below; None if all are."""
    kinds = relaxation.instance.choices
    scarce = [prices.vcpu > 0 or kind.market in prices.markets for kind in kinds]
    numbers = numbers_of_vms(relaxation, prices)
    apart = [abs(number - round(number)) if one else 0.0 for number, one in zip(numbers, scarce, strict=True)]
    choice = max(range(len(kinds)), key=apart.__getitem__)
    return (choice, math.floor(numbers[choice])) if apart[choice] > WHOLE else None


@dataclass(frozen=True)
class _Node:
    """Bounds of the numbers of VMs, by choice."""

    instance: Instance
    least: tuple[int, ...]
    most: tuple[int, ...]

    def children(self, choice: int, number: int) -> Iterator[_Node]:
        """Yield the node with at most so many VMs of a choice, and that with more."""
        yield replace(self, most=_with(self.most, choice, number))
        yield replace(self, least=_with(self.least, choice, number + 1))

    def solved(self, large: int) -> tuple[float, tuple[int, int] | None]:
        """Return a bound of plans within these bounds, and by what to split them; None if by nothing.

        :param large: most resources of large tasks that are looked at.
        """
        kept = [choice for choice, most in enumerate(self.most) if most]
        kinds = [replace(self.instance.choices[choice], limit=self.most[choice]) for choice in kept]
        instance = Instance(self.instance.request, kinds)
        if self._too_many() or not instance.solvable:
            return math.inf, None
        relaxation, prices = best_prices(instance, STAGES, large, [self.least[choice] for choice in kept])
        branch = _branch(relaxation, prices)
        return relaxation.value(prices), branch and (kept[branch[0]], branch[1])

    def _too_many(self) -> bool:
        """Say whether the least numbers exceed a limit over all types."""
        counts = Fleet(self.instance)
        for choice, least in enumerate(self.least):
            for _ in range(least):
                if not counts.allows(choice):
                    return True
                counts.count(choice, 1)
        return False


def _with(numbers: tuple[int, ...], place: int, number: int) -> tuple[int, ...]:
    return (*numbers[:place], number, *numbers[place + 1 :])

"""Weighted round robin as the Linux Virtual Server does it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["weighted_round_robin"]

Item = TypeVar("Item")


def weighted_round_robin(items: Sequence[tuple[Item, int]]) -> Iterator[Item]:
    """Yield the items for ever, each as often in a cycle as its weight.

    A cycle is a number of passes, each with a lower threshold, from the highest weight down to the greatest
    common divisor of all weights in steps of that divisor; a pass yields, in order, the items whose weight
    reaches the threshold. So ``[("a", 3), ("b", 1)]`` gives ``a a a b``, and again. Equal weights give a
    plain round robin. It is the order of ``roundrobin.weighted`` on PyPI, which the published scheduler
    uses.

    :param items: pairs of item and weight, weights 1 or more; without items nothing is yielded.
    """
    if not items:
        return
    weights = [weight for _, weight in items]
    step = math.gcd(*weights)
    while True:
        for threshold in range(max(weights), 0, -step):
            yield from (item for item, weight in items if weight >= threshold)

"""The soft minimum of each task's costs: its value, its slope, and how that bends."""

from __future__ import annotations

import math

from airflow_provider_hads.planning.packing.compiled_prices import compiled_expand_tasks
from airflow_provider_hads.planning.packing.compiled_search import COMPILED
from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation

__all__ = ["expand_tasks"]

CUTOFF = 7.0
"""A choice that is dearer than the best by so many smoothings has no weight."""

Curve = list[list[float]]


def expand_tasks(
    relaxation: Relaxation, prices: Prices, smoothing: float, width: int
) -> tuple[float, list[float], Curve]:
    """Return the sum over all tasks, its gradient, and its negated Hessian.

    Of the Hessian, which is symmetric, only what stands on and right of the diagonal is right.

    :param smoothing: dollars.
    :param width: length of the gradient, in which prices of cores come first, by choice, then those of
        resources; what comes after these is 0.
    """
    if COMPILED:
        return compiled_expand_tasks(relaxation, prices, smoothing, CUTOFF * smoothing, width)
    slope, curve = [0.0] * width, [[0.0] * width for _ in range(width)]
    slots = [choice.slots for choice in relaxation.instance.choices]
    total = 0.0
    for weight, column, uses, costs in zip(
        relaxation.counts, relaxation.columns, relaxation.uses, relaxation.costs(prices), strict=True
    ):
        least = min(costs)
        edge = least + CUTOFF * smoothing
        effects, mass = [], 0.0
        for index, cost in enumerate(costs):
            if cost <= edge:
                share = math.exp((least - cost) / smoothing)
                mass += share
                changes = [(index, column[index] / slots[index])]
                numbers = relaxation.of_choice[index]
                changes += [(len(slots) + number, uses[number]) for number in numbers if uses[number]]
                effects.append((share, changes))
        total += weight * (least - smoothing * math.log(mass))
        _add(effects, mass, weight, weight / smoothing, slope, curve)
    return total, slope, curve


def _add(
    effects: list[tuple[float, list[tuple[int, float]]]],
    mass: float,
    weight: float,
    factor: float,
    slope: list[float],
    curve: Curve,
) -> None:
    """Add one task's effects: by choice, its weight, and by how much each price changes its cost."""
    sums: dict[int, float] = {}
    for share, changes in effects:
        for place, (at, change) in enumerate(changes):
            pull = share / mass * change
            sums[at] = sums.get(at, 0.0) + pull
            if len(effects) > 1:
                row, both = curve[at], factor * pull
                for other, other_change in changes[place:]:
                    row[other] += both * other_change
    pulls = sorted(sums.items())
    for place, (at, pull) in enumerate(pulls):
        slope[at] += weight * pull
        if len(effects) > 1:
            row, both = curve[at], factor * pull
            for other, other_pull in pulls[place:]:
                row[other] -= both * other_pull

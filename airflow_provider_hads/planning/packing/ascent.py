"""The best prices of the relaxation: Newton's method on a smoothed dual."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import mul

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.linear_algebra import solve_positive
from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation
from airflow_provider_hads.planning.packing.soft_minimum import expand_tasks

__all__ = ["best_prices", "numbers_of_vms"]

ROUGH = (0.3, 0.06, 0.015)
"""Shares of the mean task's cost, for a sample of the tasks."""
FINE = (0.004, 0.001, 0.0002)
"""The same for all of them."""
SAMPLE = 120
STEPS = 12
"""Newton steps for each of them, at most."""
TO_THE_EDGE = 0.9
VMS_WIDTH = 4
"""How much smoother than the tasks' costs is what VMs earn: a VM's gain is that of many tasks."""
ENOUGH = 1e6
"""A bound of so many times the tasks' least cost: where there is no plan it has no end."""


def best_prices(
    instance: Instance, stages: int, large: int, least: Sequence[int] = ()
) -> tuple[Relaxation, Prices]:
    """Return the relaxation, and prices with which it proves (nearly) the largest bound.

    The bound is a concave function of few prices, but not a smooth one. Each task's least cost is replaced by
    the soft minimum, each constraint by a logarithmic barrier; that is made large by damped Newton steps, and
    again with less and less smoothing. (Nesterov, "Smooth minimization of non-smooth functions", 2005; the
    barrier is the usual one.) Of many tasks the first steps look at a sample only.

    :param stages: how far to go, 0 (the sample only) to 3.
    :param large: most resources of large tasks that are looked at.
    :param least: by choice, how many VMs of it there are at least; none, if it is empty.
    """
    relaxation = Relaxation(instance, large, least=least)
    rough, step = relaxation, -(-len(instance.tasks) // SAMPLE)
    if len(relaxation.columns) > SAMPLE:
        rough = Relaxation(
            instance,
            large,
            sorted(range(len(instance.tasks)), key=instance.times[0].__getitem__)[::step],
            least,
        )
    ascent = _Ascent(rough)
    point = ascent.first_point()
    for smoothing in ROUGH:
        point = ascent.climb(point, smoothing * ascent.scale)
    ascent.relaxation = relaxation
    found = [] if stages else [(relaxation.value(ascent.prices(point)), ascent.prices(point))]
    for smoothing in FINE[:stages]:
        point = ascent.climb(point, smoothing * ascent.scale)
        prices = ascent.prices(point)
        found.append((relaxation.value(prices), prices))
    return relaxation, max(found, key=lambda pair: pair[0])[1]


def numbers_of_vms(relaxation: Relaxation, prices: Prices) -> list[float]:
    """Return, by choice, about how many VMs the relaxation has at its best prices, with fractions.

    It tells them only where a limit over several choices has a price.
    """
    width = VMS_WIDTH * FINE[-1] * _Ascent(relaxation).scale
    return [
        least + (choice.limit - least) / (1 + math.exp(-min(max(gain / width, -40.0), 40.0)))
        for choice, least, gain in zip(
            relaxation.instance.choices, relaxation.least, relaxation.gains(prices), strict=True
        )
    ]


class _Ascent:
    """The smoothed dual as a function of a point: [price by choice, by resource, by limit].

    A choice's price and those of its timed resources add up to its rate at least; where there are such
    resources none of these is negative. The other prices aren't either.
    """

    def __init__(self, relaxation: Relaxation) -> None:
        self.relaxation = relaxation
        instance = self.instance = relaxation.instance
        self.size = len(instance.choices)
        self.resource_at = [
            [(number, self.size + number) for number in numbers] for numbers in relaxation.of_choice
        ]
        """By choice, the number and the place of each of its resources."""
        timed = [one.timed for one in relaxation.resources]
        self.paying = [
            (index, *(at for number, at in places if timed[number]))
            for index, places in enumerate(self.resource_at)
        ]
        """By choice, the places of the prices of its time."""
        first = self.limits_from = self.size + len(timed)
        self.market_at = {market: first + place for place, market in enumerate(_binding_markets(instance))}
        first += len(self.market_at)
        self.vcpu_at = first if instance.vcpu_limit is not None else None
        self.width = first + (self.vcpu_at is not None)
        self.rates = [choice.rate for choice in instance.choices]
        self.scale = self._mean_cost()
        self.enough = ENOUGH * self.scale * max(sum(relaxation.counts), 1.0)

    def _mean_cost(self) -> float:
        rates = tuple(self.rates)
        costs = self.relaxation.costs(Prices(rates, (0.0,) * len(self.relaxation.resources), {}, 0.0))
        counts = self.relaxation.counts
        return max(math.fsum(map(mul, counts, map(min, costs))) / max(sum(counts), 1), 1e-15)

    def first_point(self) -> list[float]:
        """Return a point well inside."""
        point = [self.scale] * self.width
        for rate, places in zip(self.rates, self.paying, strict=True):
            for at in places:
                point[at] = rate * 1.3 / len(places)
        return point

    def prices(self, point: list[float]) -> Prices:
        """Return a point as prices."""
        resources = tuple(point[self.size : self.limits_from])
        markets = {market: point[at] for market, at in self.market_at.items()}
        vcpu = point[self.vcpu_at] if self.vcpu_at is not None else 0.0
        return Prices(tuple(point[: self.size]), resources, markets, vcpu)

    def climb(self, point: list[float], smoothing: float) -> list[float]:
        """Return the point of the largest smoothed value, or one that is near enough."""
        value, slope, curve = self._expand(point, smoothing)
        for _ in range(STEPS):
            move = solve_positive(curve, slope)
            gain = sum(map(mul, move, slope))
            if not (gain < math.inf and value < self.enough) or gain < smoothing * 0.05:
                break
            length = min(1.0, TO_THE_EDGE * self._room(point, move))
            for _ in range(12):
                moved = [one + length * other for one, other in zip(point, move, strict=True)]
                expanded = self._expand(moved, smoothing)
                if expanded[0] >= value + 0.01 * length * gain:
                    break
                length *= 0.4
            else:
                break
            point, (value, slope, curve) = moved, expanded
        return point

    def _room(self, point: list[float], move: list[float]) -> float:
        """Return how many times the move can be made before a constraint is hit."""
        room = math.inf
        for slack, rise in self._slacks(point, move):
            if rise < 0:
                room = min(room, slack / -rise)
        return room

    def _slacks(self, point: list[float], move: list[float]) -> list[tuple[float, float]]:
        return [
            (sum(point[at] for at in places) - offset, sum(move[at] for at in places))
            for places, offset in self._bounds()
        ]

    def _bounds(self) -> Iterator[tuple[tuple[int, ...], float]]:
        """Yield places and what their sum must exceed."""
        for places, rate in zip(self.paying, self.rates, strict=True):
            yield places, rate
            if len(places) > 1:
                yield places[:1], 0.0
        for at in range(self.size, self.width):
            yield (at,), 0.0

    def _expand(self, point: list[float], smoothing: float) -> tuple[float, list[float], list[list[float]]]:
        """Return value, gradient and negated Hessian."""
        value, slope, curve = expand_tasks(self.relaxation, self.prices(point), smoothing, self.width)
        value += self._limits(point, smoothing, slope, curve)
        value += self._barrier(point, smoothing, slope, curve)
        return value, slope, curve

    def _limits(
        self, point: list[float], smoothing: float, slope: list[float], curve: list[list[float]]
    ) -> float:
        """Subtract what VMs within the limits can earn, with a soft maximum."""
        prices = self.prices(point)
        value = -self.relaxation.limits_cost(prices)
        for market, at in self.market_at.items():
            slope[at] -= self.instance.market_limits.get(market, 0)
        if self.vcpu_at is not None:
            slope[self.vcpu_at] -= self.instance.vcpu_limit or 0
        for index, gain in enumerate(self.relaxation.gains(prices)):
            value -= self._earn(index, gain, smoothing, slope, curve)
        return value

    def _earn(
        self, index: int, gain: float, smoothing: float, slope: list[float], curve: list[list[float]]
    ) -> float:
        choice = self.instance.choices[index]
        usable = self.instance.usable[index]
        effects = [(at, usable) for at in self.paying[index]]
        effects += [(at, 1.0) for _, at in self.resource_at[index] if at not in self.paying[index]]
        linear = True
        if choice.market in self.market_at:
            effects.append((self.market_at[choice.market], -1.0))
            linear = False
        if self.vcpu_at is not None:
            effects.append((self.vcpu_at, -float(choice.type.vcpus)))
            linear = False
        if linear:
            for at, change in effects:
                slope[at] -= choice.limit * change
            return choice.limit * gain
        least = self.relaxation.least[index]
        free = choice.limit - least
        width = smoothing * VMS_WIDTH
        ratio = min(max(gain / width, -40.0), 40.0)
        share = 1 / (1 + math.exp(-ratio))
        bend = free * share * (1 - share) / width
        for at, change in effects:
            slope[at] -= (least + free * share) * change
            for other, other_change in effects:
                curve[at][other] += bend * change * other_change
        soft = gain if ratio >= 40 else width * math.log1p(math.exp(ratio))
        return least * gain + free * soft

    def _barrier(
        self, point: list[float], smoothing: float, slope: list[float], curve: list[list[float]]
    ) -> float:
        value = 0.0
        for places, offset in self._bounds():
            value += _add_log(sum(point[at] for at in places) - offset, places, smoothing, slope, curve)
        return value


def _add_log(
    slack: float, places: tuple[int, ...], smoothing: float, slope: list[float], curve: list[list[float]]
) -> float:
    if slack <= 0:
        return -math.inf
    for place in places:
        slope[place] += smoothing / slack
        for other in places:
            curve[place][other] += smoothing / slack / slack
    return smoothing * math.log(slack)


def _binding_markets(instance: Instance) -> list[Market]:
    """Return the markets in which the limit over all types is less than the sum of the types' own."""
    wanted: Counter[Market] = Counter()
    for choice in instance.choices:
        wanted[choice.market] += choice.limit
    return [market for market, limit in instance.market_limits.items() if wanted[market] > limit]

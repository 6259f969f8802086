"""How observed runtimes compare with the estimates."""

from __future__ import annotations

import math

__all__ = ["Pace"]

PRIOR_COUNT = 1.0
"""Right estimates that the mean is drawn to."""

PRIOR_SPREAD = 0.2
"""Standard deviation, of the logarithm, that estimates are expected to have before any was tried."""

PRIOR_WEIGHT = 4.0
"""Tasks that this counts for, once estimates have turned out to be wrong at all."""

TRUST = 0.7
"""By how much each task that has ended lets the doubt shrink that was there before any had."""

CAUTION = 4.0
"""Standard deviations by which a task on the way out may be slower than expected."""

WARINESS = 1.0
"""The same, for what is not known to be wrong: few tasks have ended."""

EXACT = 1e-9
"""Estimates whose logarithms spread less than this are right to the second."""


NO_DOUBT = 1e-3
"""A spread that is not worth reckoning with."""


class Pace:
    """Collects the ratios of observed to estimated seconds, as logarithms.

    With estimates that are right to the second all factors are 1, and there is no spread.
    """

    __slots__ = ("_all", "_count", "_slow", "_sum", "careful", "doubt", "mean", "spread", "sure")

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._all = self._slow = 0.0
        self.mean = 1.0
        """By which tasks are slower than estimated."""
        self.spread = 0.0
        """Standard deviation of the logarithms, as far as can be told from few."""
        self.careful = 1.0
        """By which hardly any task will be slower."""
        self.doubt = PRIOR_SPREAD
        """Standard deviation that estimates may have though nothing of it was seen: few tasks have ended."""
        self.sure = False
        """Whether all estimates were right so far, and enough of them."""

    @property
    def margin(self) -> float:
        """By which share a task on the way out may be slower though nothing of it was seen."""
        return 0.0 if self.doubt < NO_DOUBT else math.exp(WARINESS * self.doubt) - 1

    @property
    def doubted(self) -> bool:
        """Whether too few tasks have ended to tell whether estimates hold, and none of them was wrong."""
        return self.margin > 0 and not self.spread

    def factor(self, least: float) -> float:
        """Return the expected multiple of its estimate that a task takes which takes more than some multiple.

        The mean of the normal distribution's tail, by Birnbaum's bound on Mills' ratio (1942).
        """
        spread = max(self.spread, self.doubt)
        if least <= self.mean * (1 + EXACT) or spread <= EXACT:
            return max(self.mean, least)
        excess = math.log(least / self.mean) / spread
        return least * math.exp(spread * 2 / (excess + math.hypot(excess, 2)))

    def careful_factor(self, least: float) -> float:
        """Return what such a task exceeds as rarely as any other exceeds ``careful``."""
        spread = max(self.spread, self.doubt)
        if least <= self.mean * (1 + EXACT) or spread <= EXACT:
            return max(self.careful, least)
        excess = math.log(least / self.mean) / spread
        return max(self.mean * math.exp(spread * math.hypot(excess, CAUTION)), self.careful)

    def add(self, ratio: float) -> None:
        """Take in how long a task took, as a multiple of its estimate."""
        logarithm = math.log(min(max(ratio, 1e-3), 1e3))
        self._count += 1
        self._sum += logarithm
        self._all += logarithm**2
        self._slow += max(logarithm, 0.0) ** 2
        mean = self._sum / (self._count + PRIOR_COUNT)
        self.mean = math.exp(mean)
        self.spread = self._spread()
        self.careful = max(math.exp(mean + CAUTION * self.spread), 1.0) if self.spread > EXACT else 1.0
        self.doubt *= TRUST
        self.sure = self.spread <= EXACT and self.doubt < NO_DOUBT

    def _spread(self) -> float:
        """Return the standard deviation, drawn to the prior by as much as estimates are wrong.

        Tasks that are quicker than they should be are no reason for caution: of a spread to both sides the
        slower half tells as much.
        """
        count = self._count
        squares = min(self._all - self._sum**2 / count, 2 * self._slow)
        weight = PRIOR_WEIGHT * min(self._all / count / PRIOR_SPREAD**2, 1.0)
        return math.sqrt(max(squares + weight * PRIOR_SPREAD**2, 0.0) / (count + weight))

"""How observed runtimes compare with the estimates."""

from __future__ import annotations

import math

__all__ = ["Pace"]

PRIOR_COUNT = 1.0
"""Right estimates that the mean is drawn to."""

CAUTION = 3.0
"""Standard deviations by which a task on the way out may be slower than expected."""


class Pace:
    """Collects the ratios of observed to estimated seconds, as logarithms.

    With estimates that are right to the second both factors are 1.
    """

    __slots__ = ("_count", "_squares", "_sum", "careful", "mean")

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._squares = 0.0
        self.mean = 1.0
        """By which tasks are slower than estimated."""
        self.careful = 1.0
        """By which hardly any task will be slower."""

    def add(self, ratio: float) -> None:
        """Take in how long a task took, as a multiple of its estimate."""
        logarithm = math.log(min(max(ratio, 1e-3), 1e3))
        self._count += 1
        self._sum += logarithm
        # Tasks that are quicker than they should be are no reason for caution: of a spread to both sides the
        # slower half tells as much.
        self._squares += 2 * max(logarithm, 0.0) ** 2
        mean = self._sum / (self._count + PRIOR_COUNT)
        deviation = math.sqrt(self._squares / self._count)
        self.mean = math.exp(mean)
        self.careful = math.exp(mean + CAUTION * deviation) if deviation > 1e-9 else 1.0

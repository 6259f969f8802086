"""A time axis: how far it goes, where its ticks are and what they say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TimeAxis"]

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between ticks; from a day on, whole days."""
MOST_TICKS = 12
MUCH_LATER = 2.5
"""A moment is left off the axis if it would make it longer by more than this factor."""
SPARE = 1.04
"""Length of the axis, as a multiple of the last moment on it."""


@dataclass(frozen=True)
class TimeAxis:
    """An axis from 0 seconds on.

    :param length: seconds.
    :param left: where 0 is, in the plot's unit.
    :param width: of the whole length, in the plot's unit.
    """

    length: float
    left: float
    width: float

    @classmethod
    def covering(cls, makespan: float, moments: tuple[float, ...], left: float, width: float) -> TimeAxis:
        """Return the axis that shows a makespan, and those of the moments that are not much later."""
        last = makespan = max(makespan, 1.0)
        for moment in moments:
            if moment <= MUCH_LATER * makespan:
                last = max(last, moment)
        return cls(last * SPARE, left, width)

    def x(self, seconds: float) -> float:
        """Return where a moment is."""
        return self.left + seconds / self.length * self.width

    def shows(self, seconds: float) -> bool:
        """Say whether a moment is on the axis."""
        return seconds <= self.length

    @property
    def step(self) -> float:
        """Seconds between ticks."""
        enough = self.length / MOST_TICKS
        days = 86400 * (1 + enough // 86400)
        return next((step for step in STEPS if step >= enough), days)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the ticks, seconds and label."""
        count = int(self.length // self.step)
        return [(number * self.step, self._label(number * self.step)) for number in range(count + 1)]

    def _label(self, seconds: float) -> str:
        if seconds == 0:
            return "0"
        if self.step % 60:
            return f"{seconds:g} s" if self.length <= 600 else f"{seconds // 60:g}:{seconds % 60:02g} min"
        if self.length <= 3 * 3600:
            return f"{seconds / 60:g} min"
        hours, minutes = divmod(seconds / 60, 60)
        return f"{hours:g}:{minutes:02g} h"

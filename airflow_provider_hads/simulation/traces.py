"""Recorded availability of spot VMs, tick by tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Trace"]

ANY_NUMBER = 10**9
"""VMs that can be had where a trace tells only that there are some."""


@dataclass(frozen=True)
class Trace:
    """How many VMs could be had at each tick, in the format of the SkyPilot spot traces (NSDI 2024).

    Traces of nothing but 0 and 1 were recorded by asking for one VM: they tell whether there was capacity,
    not for how many. There a 1 stands for any number.

    :param gap: seconds of a tick.
    :param counts: VMs available in each tick.
    """

    gap: float
    counts: Sequence[int]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Trace:
        """Read a parsed trace file.

        :raises ValueError: it is not one.
        """
        try:
            gap = float(document["metadata"]["gap_seconds"])
            counts = tuple(int(count) for count in document["data"])
        except (KeyError, TypeError) as error:
            raise ValueError("a trace has metadata.gap_seconds and data, a list of counts") from error
        if gap <= 0 or not counts or min(counts) < 0:
            raise ValueError("a trace's gap_seconds is positive, and its data are counts from 0 on")
        return cls(gap, counts)

    @property
    def seconds(self) -> float:
        """Length of the trace."""
        return self.gap * len(self.counts)

    def changes(self, offset: float, until: float) -> Iterator[tuple[float, int]]:
        """Yield when the count changes, and to what, from an offset into the trace on; it wraps around.

        :param offset: seconds into the trace at which the run starts.
        :param until: seconds since the run's start.
        """
        unit = 1 if max(self.counts) > 1 else ANY_NUMBER
        tick = int(offset / self.gap)
        moment, known = tick * self.gap - offset, -1
        while moment < until:
            count = self.counts[tick % len(self.counts)] * unit
            if count != known:
                yield max(moment, 0.0), count
                known = count
            tick += 1
            moment += self.gap

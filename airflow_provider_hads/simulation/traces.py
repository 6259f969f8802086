"""Recorded availability of spot VMs, tick by tick."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Trace"]

ANY_NUMBER = 10**9
"""VMs that can be had where a trace tells only that there are some."""

SHORTEST_GAP, LONGEST_GAP = 1e-3, 1e9
"""Seconds of a tick; with shorter ones a run would have too many, with longer ones times are not exact."""

MOST_SHOWN = 40
"""Characters of a wrong value that a message shows."""


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
            gap, counts = document["metadata"]["gap_seconds"], document["data"]
        except (KeyError, TypeError) as error:
            raise ValueError("a trace has metadata.gap_seconds and data, a list of counts") from error
        if not _is_gap(gap):
            wanted = f"seconds, a number from {SHORTEST_GAP:g} to {LONGEST_GAP:g}"
            raise ValueError(f"metadata.gap_seconds is {_shown(gap)}; give {wanted}")
        if not isinstance(counts, list) or not counts:
            raise ValueError(f"data is {_shown(counts)}; give a list of counts, one for each tick")
        for tick, count in enumerate(counts):
            if not _is_count(count):
                raise ValueError(f"data[{tick}] is {_shown(count)}; give a whole number, 0 or more")
        return cls(float(gap), tuple(counts))

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


def _is_gap(value: object) -> bool:
    """Say whether a value is the seconds of a tick; a bool is a number to Python, NaN is to no one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return SHORTEST_GAP <= value <= LONGEST_GAP


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _shown(value: object) -> str:
    """Return a value as it stands in the file, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."

"""What tasks use of a VM where memory may bind, as seconds for which it lives at least."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["Use", "uses_of"]

EDGE = 1e-6
"""Share by which rounding may raise what a task needs."""

Use = tuple[float, float, float, float]
"""Seconds for which a task takes all cores of a VM, all its memory, and more than half of that; and dollars:
its share of the VM's price."""


def uses_of(
    times: Sequence[float], memory: Sequence[float], slots: int, room: float, rate: float
) -> list[Use]:
    """Return what each task uses of a VM, infinitely much if it can't run there.

    The tasks of a VM can't end before the sum of any one of the first three: of tasks that need more than
    half of the memory there is one at a time.

    :param times: seconds by task.
    :param memory: MB by task.
    :param room: MB of the VM.
    :param rate: dollars a second.
    """
    return [
        _use(seconds, need / room, slots, rate) if seconds < math.inf else (math.inf,) * 4
        for seconds, need in zip(times, memory, strict=True)
    ]


def _use(seconds: float, share: float, slots: int, rate: float) -> Use:
    half = seconds if share * (1 - EDGE) > 0.5 else 0.0
    return seconds / slots, seconds * share, half, rate * seconds * max(1 / slots, share)

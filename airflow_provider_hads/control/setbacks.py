"""Actions that have failed are tried again, after a pause that grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_hads.control.observation import ActionResult
from airflow_provider_hads.model.run_state import Setback

__all__ = ["LONGEST_PAUSE", "follow_setbacks", "held_back"]

LONGEST_PAUSE = 60.0
"""Seconds; the pauses are 1, 2, 4, ... seconds, and never longer than this."""


def follow_setbacks(
    setbacks: Mapping[str, Setback], results: Iterable[ActionResult], elapsed: float
) -> Mapping[str, Setback]:
    """Return the setbacks after some actions have ended.

    :param elapsed: seconds since the run's start.
    """
    after = dict(setbacks)
    for result in results:
        known = after.pop(result.key, None)
        if result.error:
            after[result.key] = _setback(1 if known is None else known.failures + 1, elapsed)
    return after


def held_back(setbacks: Mapping[str, Setback], key: str, elapsed: float) -> bool:
    """Say whether it is too early to try an action again."""
    setback = setbacks.get(key)
    return setback is not None and elapsed < setback.until


def _setback(failures: int, elapsed: float) -> Setback:
    # The exponent is bounded: 2.0 ** 1100 is an error, not infinity.
    return Setback(failures, elapsed + min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10)))

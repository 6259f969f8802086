"""What the attempts of a task come to."""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_hads.model.run_state import Attempt

__all__ = ["Tries"]


class Tries(NamedTuple):
    """The attempts of a task, and what is asked of them again and again.

    :param attempts: all of them.
    :param alive: those that have not ended.
    :param longest: the seconds for which one of those that have ended ran at most, as a multiple of its
        estimate.
    """

    attempts: tuple[Attempt, ...]
    alive: tuple[Attempt, ...]
    longest: float

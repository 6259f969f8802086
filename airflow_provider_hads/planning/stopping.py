"""When a search is to end: at its own last step, or when the time that the user allows is over."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_hads.planning.request import PlanRequest

__all__ = ["Stop", "never", "stop_of"]

Stop = Callable[[], bool]
"""Says whether the time that the user allows is over."""


def never() -> bool:
    """Say that there is time left."""
    return False


def stop_of(request: PlanRequest) -> Stop | None:
    """Return what says that the request's time limit is over; None where it has none, or no clock."""
    clock, limit = request.clock, request.time_limit
    if clock is None or limit is None:
        return None
    end = clock() + limit
    return lambda: clock() >= end

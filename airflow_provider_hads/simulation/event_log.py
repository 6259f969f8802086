"""The event log of a run: JSON-able records in ascending time."""

from __future__ import annotations

from typing import Any

__all__ = ["EventLog"]


class EventLog:
    """Collects events; one that is not wanted costs next to nothing.

    :param wanted: whether to keep them.
    """

    def __init__(self, wanted: bool) -> None:
        self.events: list[dict[str, Any]] = []
        self._wanted = wanted

    def __call__(self, now: float, event: str, **fields: Any) -> None:
        """Note an event.

        :param now: seconds since the run's start.
        """
        if self._wanted:
            self.events.append({"t": round(now, 6), "event": event, **fields})

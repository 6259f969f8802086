"""The time that an instance is billed for."""

from __future__ import annotations

from datetime import datetime

__all__ = ["Meter"]


class Meter:
    """Counts from launch to end, less the time for which the instance is stopped or hibernated.

    :param launched_at: when it begins to count.
    """

    def __init__(self, launched_at: datetime) -> None:
        self._before = 0.0
        self._since: datetime | None = launched_at

    def stop(self, moment: datetime) -> None:
        """Count no more from a moment on; a meter that stands goes on standing."""
        self._before = self.seconds(moment)
        self._since = None

    def start(self, moment: datetime) -> None:
        """Count again from a moment on."""
        if self._since is None:
            self._since = moment

    def seconds(self, now: datetime) -> float:
        """Return the seconds counted until now."""
        running = 0.0 if self._since is None else (now - self._since).total_seconds()
        return self._before + max(0.0, running)

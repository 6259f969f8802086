"""EC2's word to a spot VM that it will be stopped or terminated, from the metadata service (IMDSv2)."""

from __future__ import annotations

import calendar
import contextlib
import json
import threading
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.vm.runner.metadata import ask
from airflow_provider_hads.vm.runner.web import HttpError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Notices"]

_PATH = "/latest/meta-data/spot/instance-action"
_PERIOD = 2.0  # seconds between two looks; EC2 advises five at most
_TIMEOUT = 5.0  # seconds
_NONE = 404


class Notices:
    """Watches for a notice, in a thread of its own: the metadata service may be slow, the loop must not be.

    :param url: of the metadata service.
    :param now: Unix seconds.
    """

    def __init__(self, url: str, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._now = now
        self._lock = threading.Lock()
        self._action = ""
        self._due = 0.0

    def begin(self) -> None:
        """Start the watch."""
        threading.Thread(target=self._watch, name="notices", daemon=True).start()

    def current(self) -> dict[str, Any] | None:
        """Return the notice as the controller reads it: what will be done, and in how many seconds."""
        with self._lock:
            if not self._action:
                return None
            return {"action": self._action, "seconds": round(max(self._due - self._now(), 0.0), 1)}

    def look(self) -> None:
        """Look once.

        :raises OSError: the service does not answer.
        """
        try:
            notice = json.loads(ask(self._url, _PATH, _TIMEOUT))
        except HttpError as error:
            if error.status != _NONE:
                raise
            notice = {}
        with self._lock:
            self._action = str(notice.get("action", ""))
            self._due = _seconds(notice["time"]) if self._action else 0.0

    def _watch(self) -> None:
        while True:
            with contextlib.suppress(OSError, HTTPException, ValueError, KeyError):
                self.look()  # if it fails, what is known stays so; the next look is soon
            time.sleep(_PERIOD)


def _seconds(text: str) -> float:
    return float(calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))

"""Threads in lanes: calls of one lane run one after the other, and no lane waits for another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

__all__ = ["Ended", "Lanes"]


@dataclass(frozen=True)
class Ended:
    """A call that has ended.

    :param key: what it was submitted as.
    :param value: what it returned; None when it raised.
    :param error: what it raised.
    """

    key: str
    value: Any = None
    error: Exception | None = None


class Lanes:
    """A pool of threads that never runs two calls of one lane at once.

    :param width: most calls at once. A call that hangs holds up its own lane only, while there are threads left.
    """

    def __init__(self, width: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=width, thread_name_prefix="hads")
        self._lock = Lock()
        self._waiting: dict[str, deque[tuple[str, Callable[[], Any]]]] = {}
        self._ended: list[Ended] = []

    def busy(self, lane: str) -> bool:
        """Say whether a call of that lane runs or waits."""
        with self._lock:
            return lane in self._waiting

    def submit(self, lane: str, key: str, call: Callable[[], Any]) -> None:
        """Run a call after those that its lane has already."""
        with self._lock:
            if lane in self._waiting:
                self._waiting[lane].append((key, call))
                return
            self._waiting[lane] = deque()
        self._pool.submit(self._run, lane, key, call)

    def collect(self) -> list[Ended]:
        """Return the calls that have ended since the last time, without waiting."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Drop what waits and return at once; calls that run end by their own time-outs."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, lane: str, key: str, call: Callable[[], Any]) -> None:
        try:
            ended = Ended(key, value=call())
        except Exception as error:  # every failure is an observation for the controller, which knows what to do
            ended = Ended(key, error=error)
        with self._lock:
            self._ended.append(ended)
            if not self._waiting[lane]:
                del self._waiting[lane]
                return
            following = self._waiting[lane].popleft()
        self._run_next(lane, *following)

    def _run_next(self, lane: str, key: str, call: Callable[[], Any]) -> None:
        try:
            self._pool.submit(self._run, lane, key, call)
        except RuntimeError:  # closed meanwhile: nobody waits for it any more
            with self._lock:
                self._waiting.pop(lane, None)

"""Threads in lanes: calls of one lane run one after the other, and no lane waits for another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from types import TracebackType
from typing import Any

__all__ = ["Ended", "Lanes"]

LOOK_PAUSE = 0.02
"""Seconds between two looks whether a lane is free."""


@dataclass(frozen=True)
class Ended:
    """A call that has ended.

    :param lane: where it ran.
    :param key: what it was submitted as.
    :param value: what it returned; None when it raised.
    :param error: what it raised.
    """

    lane: str
    key: str
    value: Any = None
    error: BaseException | None = None


class Lanes:
    """Runs calls in the background, never two of one lane at once.

    Each lane at work has a thread of its own, so that a call that hangs holds up its own lane only. The
    threads don't keep the process alive: what still hangs at its end is left behind.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[str, deque[tuple[str, Callable[[], Any]]]] = {}
        self._ended: list[Ended] = []
        self._closed = False

    def busy(self, lane: str) -> bool:
        """Say whether a call of that lane runs or waits."""
        with self._lock:
            return lane in self._waiting

    def wait(self, lane: str, timeout: float) -> bool:
        """Wait until no call of that lane runs or waits; say whether that was so in time.

        :param timeout: seconds.
        """
        end = time.monotonic() + timeout
        while self.busy(lane):
            if time.monotonic() > end:
                return False
            time.sleep(LOOK_PAUSE)
        return True

    def submit(self, lane: str, key: str, call: Callable[[], Any]) -> None:
        """Run a call after those that its lane has already; after :meth:`close`, drop it."""
        with self._lock:
            if lane in self._waiting:
                self._waiting[lane].append((key, call))
                return
            self._waiting[lane] = deque([(key, call)])
        Thread(target=self._work, args=(lane,), name=f"hads {lane}", daemon=True).start()

    def collect(self) -> list[Ended]:
        """Return the calls that have ended since the last time, without waiting.

        Calls of one lane come in their order.
        """
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Drop what waits and return at once; calls that run end by their own time-outs, unheard."""
        with self._lock:
            self._closed = True

    def _work(self, lane: str) -> None:
        ended: Ended | None = None
        while (following := self._next(lane, ended)) is not None:
            ended = _carried_out(lane, *following)

    def _next(self, lane: str, ended: Ended | None) -> tuple[str, Callable[[], Any]] | None:
        """Hand in what has ended and return the lane's next call; if there is none, the lane is free."""
        with self._lock:
            if ended is not None:
                self._ended.append(ended)
            if self._waiting[lane] and not self._closed:
                return self._waiting[lane].popleft()
            del self._waiting[lane]
            return None


class _Catch:
    """Catches whatever a call raises: it is the collector's to judge, and the lane must not die of it."""

    error: BaseException | None = None

    def __enter__(self) -> _Catch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.error = error
        return True


def _carried_out(lane: str, key: str, call: Callable[[], Any]) -> Ended:
    value = None
    with _Catch() as caught:
        value = call()
    return Ended(lane, key, value, caught.error)

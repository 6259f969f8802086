"""Threads in lanes: calls of one lane run in turn, each with a time-out, and no lane waits for another."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from types import TracebackType
from typing import Any

from airflow_provider_hads.exceptions import CallOverdue

__all__ = ["CALL_TIMEOUT", "Ended", "Lanes"]

CALL_TIMEOUT = 300.0
"""Seconds for a call whose steps have time-outs of their own, the retries of each included."""

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


@dataclass(frozen=True)
class _Call:
    key: str
    run: Callable[[], Any]
    timeout: float


@dataclass
class _Lane:
    """What one thread works through; it belongs to the lane until a call of it is overdue."""

    waiting: deque[_Call]
    running: _Call | None = None
    due: float = math.inf
    held: bool = False


class Lanes:
    """Runs calls in the background, never two of one lane at once.

    Each lane at work has a thread of its own, so that a call that hangs holds up its own lane only, and that
    until its time-out: then it counts as ended, whatever becomes of it, and the lane goes on with the next
    one. The threads don't keep the process alive: what still hangs at its end is left behind.

    What waits in a lane was decided by who collects. A process that was paused for long could go on with its
    lanes before that one has found out whether it is still in charge: nothing more is begun then before it
    collects again.

    :param clock: tells the time in seconds.
    :param patience: seconds after a :meth:`collect` in which calls are begun.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, patience: float = math.inf) -> None:
        self._clock = clock
        self._patience = patience
        self._collected_at = math.inf  # nobody has to, before the first time
        self._lock = Lock()
        self._lanes: dict[str, _Lane] = {}
        self._ended: list[Ended] = []
        self._closed = False

    def busy(self, lane: str) -> bool:
        """Say whether a call of that lane runs or waits."""
        with self._lock:
            return lane in self._lanes

    def wait(self, lane: str, timeout: float) -> bool:
        """Wait until no call of that lane runs, or waits and may begin; say whether that was so in time.

        :param timeout: seconds.
        """
        end = time.monotonic() + timeout
        while self._at_work(lane):
            if time.monotonic() > end:
                return False
            time.sleep(LOOK_PAUSE)
        return True

    def _at_work(self, name: str) -> bool:
        with self._lock:
            lane = self._lanes.get(name)
            return lane is not None and (lane.running is not None or not self._holds())

    def submit(self, lane: str, key: str, call: Callable[[], Any], timeout: float = CALL_TIMEOUT) -> None:
        """Run a call after those that its lane has already; after :meth:`close`, drop it.

        :param timeout: seconds from its begin until it is given up.
        """
        asked = _Call(key, call, timeout)
        with self._lock:
            if lane in self._lanes:
                self._lanes[lane].waiting.append(asked)
            else:
                self._open(lane, deque([asked]))

    def collect(self) -> list[Ended]:
        """Return the calls that have ended since the last time, without waiting.

        Calls of one lane come in their order. One that is overdue has ended by ``CallOverdue``.
        What was held goes on.
        """
        with self._lock:
            self._collected_at = self._clock()
            self._let_go_on()
            self._give_up_what_is_overdue()
            ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Drop what waits and return at once; calls that run end by their own time-outs, unheard."""
        with self._lock:
            self._closed = True

    def _open(self, name: str, waiting: deque[_Call]) -> None:
        lane = self._lanes[name] = _Lane(waiting)
        Thread(target=self._work, args=(name, lane), name=f"hads {name}", daemon=True).start()

    def _holds(self) -> bool:
        return self._clock() - self._collected_at > self._patience

    def _let_go_on(self) -> None:
        for name, lane in list(self._lanes.items()):
            if lane.held:
                self._open(name, lane.waiting)

    def _give_up_what_is_overdue(self) -> None:
        now = time.monotonic()
        for name, lane in list(self._lanes.items()):
            if lane.running is None or lane.due >= now:
                continue
            problem = f"no end in {lane.running.timeout:g} s; it may still be carried out"
            self._ended.append(Ended(name, lane.running.key, error=CallOverdue(problem)))
            del self._lanes[name]
            if lane.waiting and not self._closed:
                self._open(name, lane.waiting)

    def _work(self, name: str, lane: _Lane) -> None:
        ended: Ended | None = None
        while (following := self._next(name, lane, ended)) is not None:
            ended = _carried_out(name, following)

    def _next(self, name: str, lane: _Lane, ended: Ended | None) -> _Call | None:
        """Hand in what has ended and return the lane's next call; if there is none, the lane is free."""
        with self._lock:
            if self._lanes.get(name) is not lane:
                return None  # what has ended was given up before, and somebody else has the lane
            if ended is not None:
                self._ended.append(ended)
            lane.running, lane.due = None, math.inf
            if not lane.waiting or self._closed:
                del self._lanes[name]
                return None
            if self._holds():
                lane.held = True
                return None
            lane.running = lane.waiting.popleft()
            lane.due = time.monotonic() + lane.running.timeout
            return lane.running


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


def _carried_out(lane: str, call: _Call) -> Ended:
    value = None
    with _Catch() as caught:
        value = call.run()
    return Ended(lane, call.key, value, caught.error)

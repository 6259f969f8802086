"""Waiting for something, but never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], timeout: float = 60.0, interval: float = 0.5) -> T:
    """Look again and again until there is something to see.

    :param what: what is waited for, for the message.
    :param look: its first true result ends the wait.
    :param timeout: seconds.
    :param interval: seconds between two looks.
    :raises TimeoutError: the time is over; the message has the last result.
    """
    end = time.monotonic() + timeout
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout:g} s; the last look saw {seen!r}")
        time.sleep(interval)
    return seen

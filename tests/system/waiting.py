"""Waiting for something, but never for ever; and for a calm machine before more is begun."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 2.0
"""How much longer than is said is waited: what is said holds on the machine that it was found on."""

CALM = 2.5 * (os.cpu_count() or 1)
"""Processes that want a core at a time, on the average, beside which one more run is begun."""

LOOKS, BETWEEN_LOOKS = 16, 0.125
"""Looks at what wants a core, and seconds between them: two in all, so that what has just begun is seen."""

LONGEST_GATE = 20.0
"""Seconds after which a run is begun on a busy machine, too."""

STATE, NICE = 0, 16
"""Fields of a process's ``stat``, counted from behind its name."""


def wait_for(what: str, look: Callable[[], T], timeout: float = 60.0, interval: float = 0.5) -> T:
    """Look again and again until there is something to see.

    :param what: what is waited for, for the message.
    :param look: its first true result ends the wait.
    :param timeout: seconds; :data:`PATIENCE` times as long is waited.
    :param interval: seconds between two looks.
    :raises TimeoutError: the time is over; the message has the last result.
    """
    end = time.monotonic() + PATIENCE * timeout
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {PATIENCE * timeout:g} s; the last look saw {seen!r}")
        time.sleep(interval)
    return seen


@contextmanager
def calm(longest: float = LONGEST_GATE) -> Iterator[None]:
    """Let what is in the block begin when not many more processes want a core than there are.

    Of several who wait, in whatever process of tests, one goes at a time, and the next looks again: a slow
    machine does less at a time then, instead of everything too late.

    :param longest: seconds.
    """
    end = time.monotonic() + longest
    with (Path(tempfile.gettempdir()) / f"hads-tests-{os.getuid()}.lock").open("w") as gate:
        flock(gate, LOCK_EX)
        while busy() > CALM and time.monotonic() < end:
            time.sleep(BETWEEN_LOOKS)
        yield


def busy() -> float:
    """Return how many processes of normal priority want a core, on the average over two seconds."""
    seen = 0
    for _ in range(LOOKS):
        time.sleep(BETWEEN_LOOKS)
        seen += sum(map(_wants_a_core, Path("/proc").iterdir()))
    return seen / LOOKS


def _wants_a_core(process: Path) -> bool:
    if not process.name.isdigit():
        return False
    with suppress(OSError):  # it has ended
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        return fields[STATE] == "R" and int(fields[NICE]) <= 0
    return False

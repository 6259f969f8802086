"""The values of ``airflow hads simulate``'s options, from text; what is wrong is said in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from string import ascii_lowercase
from typing import TypeVar

from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.planning.choices import seconds, whole_number
from airflow_provider_hads.simulation.setting import SCENARIOS
from airflow_provider_hads.simulation.traces import Trace

__all__ = [
    "HIGHEST_RATE",
    "LARGEST_SIGMA",
    "at_least_one",
    "checkpoint_period",
    "deadline_seconds",
    "not_negative",
    "one_of",
    "policy_name",
    "scenario",
    "trace",
    "up_to",
    "zone_names",
]

Choice = TypeVar("Choice", bound=Enum)

NEVER = -1.0
"""The checkpoint period of tasks that take none."""

SHORTEST_PERIOD = 1.0
"""Seconds between two checkpoints; each is an event of its own, and a run would not come to its end."""

LONGEST_DEADLINE = 1e9
"""Seconds, some 30 years; times far beyond are not exact to a microsecond."""

HIGHEST_RATE = 10.0
"""Interruptions or resumes a second; at much higher ones simulated time hardly passes."""

LARGEST_SIGMA = 5.0
"""At 5 the one task in a hundred takes 100,000 times as long; what is far beyond is no number any more."""


def policy_name(text: str) -> str:
    """Read the name of a policy."""
    return _known(text, policy_names(), "policy")


def scenario(text: str) -> tuple[float, float]:
    """Read a scenario's name; return its hibernations and resumes a second."""
    return SCENARIOS[_known(text, SCENARIOS, "scenario")]


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """Return a reader of an enum's values."""

    def read(text: str) -> Choice:
        values = [str(choice.value) for choice in choices]
        if text not in values:
            raise ValueError(f"{text!r} is not right; give one of {', '.join(values)}")
        return choices(text)

    return read


def not_negative(text: str) -> float:
    """Read a number from 0 on."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{text!r} is not right; give a number, 0 or more")
    return number


def up_to(most: float) -> Callable[[str], float]:
    """Return a reader of numbers from 0 to some bound."""

    def read(text: str) -> float:
        number = not_negative(text)
        if number > most:
            raise ValueError(f"{text!r} is too large; give a number from 0 to {most:g}")
        return number

    return read


def deadline_seconds(text: str) -> float:
    """Read a deadline."""
    value = seconds(text)
    if value > LONGEST_DEADLINE:
        raise ValueError(f"{text!r} is too large; give seconds, {LONGEST_DEADLINE:g} at most")
    return value


def zone_names(text: str) -> tuple[str, ...]:
    """Read how many zones there are; return their names, none where there is nothing to choose."""
    most = len(ascii_lowercase)
    if not (text.isascii() and text.isdecimal()) or not 1 <= whole_number(text) <= most:
        raise ValueError(f"{text!r} is not right; give a whole number from 1 to {most}")
    return tuple(ascii_lowercase[: int(text)]) if int(text) > 1 else ()


def at_least_one(text: str) -> int:
    """Read a whole number from 1 on."""
    if not (text.isascii() and text.isdecimal()) or whole_number(text) < 1:
        raise ValueError(f"{text!r} is not right; give a whole number, 1 or more")
    return int(text)


def checkpoint_period(text: str) -> float:
    """Read the seconds between two checkpoints: 0 is continuous, :data:`NEVER` is none."""
    words = {"none": NEVER, "continuous": 0.0}
    wanted = f"none, continuous, or seconds, a number from {SHORTEST_PERIOD:g} on"
    try:
        period = words[text] if text in words else seconds(text)
    except ValueError:
        raise ValueError(f"{text!r} is not right; give {wanted}") from None
    if text not in words and period < SHORTEST_PERIOD:
        raise ValueError(f"{text!r} is too short; give {wanted}")
    return period


def trace(text: str) -> Trace:
    """Read a trace file."""
    try:
        return Trace.from_document(json.loads(Path(text).read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"{text!r} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a trace: {error}") from None


def _known(text: str, names: Iterable[str], what: str) -> str:
    known = list(names)
    if text not in known:
        raise ValueError(f"there is no {what} {text!r}; choose one of {', '.join(known)}")
    return text

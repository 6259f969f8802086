"""EC2 calls that fail at random, with EC2's own error codes."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from enum import Enum
from random import Random

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.faults import Fault

__all__ = ["ApiFault", "FaultDice", "FaultRate", "Misfortune"]

_log = logging.getLogger(__name__)
LONGEST_DELAY_SECONDS = 60.0


class ApiFault(str, Enum):
    """What goes wrong with an EC2 call."""

    THROTTLE = "throttle"
    """``RequestLimitExceeded``: the account makes too many calls."""

    ERROR = "error"
    """``InternalError``: EC2 itself fails."""

    SLOW = "slow"
    """The call is carried out, but late."""


_ERRORS = {ApiFault.THROTTLE: ("RequestLimitExceeded", 503), ApiFault.ERROR: ("InternalError", 500)}


@dataclass(frozen=True)
class FaultRate:
    """A share of the EC2 calls that go wrong.

    :param kind: how.
    :param rate: 0 to 1; 0 means no more.
    :param seed: of the draws, one for each EC2 call; None is a new one each time.
    :param delay: seconds by which a slow call is late.
    """

    kind: ApiFault
    rate: float
    seed: int | None = None
    delay: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise InputError("fault", "rate", f"{self.rate:g} is not right: give a share, 0 to 1")
        if not 0 <= self.delay <= LONGEST_DELAY_SECONDS:
            problem = f"{self.delay:g} is not right: give seconds, 0 to {LONGEST_DELAY_SECONDS:g}"
            raise InputError("fault", "delay", problem)


@dataclass(frozen=True)
class Misfortune:
    """What happens to one call.

    :param delay: seconds that it waits first.
    :param fault: what it gets for an answer; None where it is carried out.
    """

    delay: float = 0.0
    fault: Fault | None = None


class FaultDice:
    """Draws what happens to each EC2 call; used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rates: dict[ApiFault, tuple[FaultRate, Random]] = {}

    def set(self, rate: FaultRate) -> None:
        """Let a share of the calls go wrong, in place of an earlier share of the same kind."""
        with self._lock:
            self._rates.pop(rate.kind, None)
            if rate.rate:
                self._rates[rate.kind] = (rate, Random(rate.seed))

    def clear(self) -> None:
        """Let all calls go well."""
        with self._lock:
            self._rates.clear()

    def draw(self, action: str) -> Misfortune:
        """Return what happens to a call.

        :param action: as the API names it, for the log.
        """
        with self._lock:
            hits = [rate for rate, random in self._rates.values() if random.random() < rate.rate]
        if hits:
            _log.info("fault: %s: %s", action, ", ".join(rate.kind.value for rate in hits))
        delay = sum(rate.delay for rate in hits if rate.kind is ApiFault.SLOW)
        errors = [_ERRORS[rate.kind] for rate in hits if rate.kind in _ERRORS]
        fault = Fault(action, code=errors[0][0], status=errors[0][1]) if errors else None
        return Misfortune(delay, fault)

"""Errors on demand, and a log of all API calls."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, replace

from airflow_provider_hads.exceptions import InputError

__all__ = ["FAIL_AFTER", "FAIL_BEFORE", "Fault", "FaultBook", "RequestLog"]

FAIL_BEFORE = "fail-before"
FAIL_AFTER = "fail-after"


@dataclass(frozen=True)
class Fault:
    """An error that the next calls of one action get.

    :param action: the API's name of it (``RunInstances``), or ``s3:PUT`` and the like for S3.
    :param mode: ``fail-before`` refuses the call; ``fail-after`` carries it out, then answers with the error
        all the same, as if the answer had been lost.
    :param code: the error code in the answer.
    :param status: the HTTP status; a client retries 5xx by itself.
    :param count: how many calls.
    :param match: only calls whose parameters (for S3: whose path) contain this text, as sent.
    :param delay: seconds by which the error is late.
    """

    action: str
    mode: str = FAIL_BEFORE
    code: str = "InternalError"
    status: int = 500
    count: int = 1
    match: str = ""
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in (FAIL_BEFORE, FAIL_AFTER):
            raise InputError("fault", "mode", f"{self.mode!r} is neither {FAIL_BEFORE!r} nor {FAIL_AFTER!r}")


class FaultBook:
    """The faults that are still to happen; used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let the next calls of an action fail."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, action: str, parameters: str) -> Fault | None:
        """Use up one count of the first fault that fits a call."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.action == action and fault.match in parameters:
                    left = replace(fault, count=fault.count - 1)
                    self._faults[index : index + 1] = [left] if left.count > 0 else []
                    return fault
        return None


class RequestLog:
    """When each action was called, Unix seconds; used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, action: str) -> None:
        """Note a call that has just come in."""
        with self._lock:
            self._times[action].append(time.time())

    def times(self) -> dict[str, list[float]]:
        """Return the times of all calls by action."""
        with self._lock:
            return {action: list(times) for action, times in self._times.items()}

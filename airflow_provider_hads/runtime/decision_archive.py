"""Keeps a run's decisions before the controller's state lets go of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from airflow_provider_hads.control.decisions import PART_OF_DECISIONS, first_number
from airflow_provider_hads.model.run_state import Decision, RunState
from airflow_provider_hads.runtime.lanes import Lanes

__all__ = ["DecisionArchive"]

log = logging.getLogger(__name__)

RETRY_PAUSE = 30.0
"""Seconds until what could not be written is tried again."""

LAST_WAIT = 5.0
"""Seconds for which the end of the last write is waited for."""

_LANE = "decisions"


class DecisionArchive:
    """Writes each part of the decisions once it is whole, in the background: no step waits for the bucket.

    What is no whole part yet, and what could not be written, is in memory, and for long in the state too: a
    successor that begins with that state writes it.

    :param write: writes a part: the number of its first decision, and its decisions. It is called again for
        the same part where that is not sure to be written.
    """

    def __init__(self, write: Callable[[int, Sequence[Decision]], None]) -> None:
        self._write = write
        self._lanes = Lanes()
        self._waiting: dict[int, Decision] = {}
        self._next: int | None = None
        self._not_before = float("-inf")

    def keep(self, state: RunState) -> None:
        """Take note of the decisions of a state that has been saved, and write what makes whole parts.

        It is to be told of each state: what a later one lacks is known from an earlier one.
        """
        self._take(state)
        self._hear()
        if not self._lanes.busy(_LANE) and time.monotonic() >= self._not_before:
            self._begin_to_write()

    def close(self) -> None:
        """Wait a little for the end of a write that is under way."""
        self._lanes.wait(_LANE, LAST_WAIT)
        self._hear()
        self._lanes.close()

    def _take(self, state: RunState) -> None:
        first = first_number(state)
        if self._next is None:  # the part in the midst of which a state begins was written by a predecessor
            self._next = -(-first // PART_OF_DECISIONS) * PART_OF_DECISIONS
        for number, decision in enumerate(state.decisions, first):
            if number >= self._next:
                self._waiting[number] = decision

    def _hear(self) -> None:
        for ended in self._lanes.collect():
            if ended.error is not None:
                log.warning("Decisions could not be kept for the report, it is tried again: %s", ended.error)
                self._not_before = time.monotonic() + RETRY_PAUSE
                continue
            self._next = ended.value
            self._waiting = {number: one for number, one in self._waiting.items() if number >= ended.value}

    def _begin_to_write(self) -> None:
        begin = self._next or 0
        end = begin + len(self._waiting) // PART_OF_DECISIONS * PART_OF_DECISIONS
        if end > begin:
            decisions = [self._waiting[number] for number in range(begin, end)]
            self._lanes.submit(_LANE, _LANE, lambda: self._write_parts(begin, decisions))

    def _write_parts(self, begin: int, decisions: Sequence[Decision]) -> int:
        """Write whole parts, and return the number of the decision after them."""
        for start in range(0, len(decisions), PART_OF_DECISIONS):
            self._write(begin + start, decisions[start : start + PART_OF_DECISIONS])
        return begin + len(decisions)

"""The queue: a directory of orders, in which a rename decides who has an attempt."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_hads.vm.runner.store import RunnerError, is_safe_name, read_json, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_hads.vm.runner.store import Store

__all__ = ["Entry", "Queue"]

_MOST_POSITIONS = 10**10


class Entry(NamedTuple):
    """One attempt in the queue; its file is named for all of this."""

    position: int
    attempt_id: str
    task_id: str

    @property
    def name(self) -> str:
        """The file's name; names sort by position."""
        return f"{self.position:010d},{self.attempt_id},{self.task_id}.json"

    @classmethod
    def parse(cls, name: str) -> Entry:
        """Read a file's name."""
        position, attempt_id, task_id = name[: -len(".json")].split(",")
        return cls(int(position), attempt_id, task_id)

    @classmethod
    def of(cls, order: dict[str, Any]) -> Entry:
        """Check an order's names, which become paths.

        :raises RunnerError: one of them is not fit for it.
        """
        entry = cls(int(order["position"]), order["attempt_id"], order["task_id"])
        for name in (entry.attempt_id, entry.task_id):
            if not is_safe_name(name):
                raise RunnerError(f"not a safe name: {name!r}", os.EX_DATAERR)
        if not 0 <= entry.position < _MOST_POSITIONS:
            problem = f"position {entry.position} of {entry.attempt_id} is out of range"
            raise RunnerError(problem, os.EX_DATAERR)
        return entry


class Queue:
    """The attempts that wait, and those that were taken or stolen."""

    def __init__(self, store: Store) -> None:
        self._root = store.root

    def entries(self, folder: str) -> list[Entry]:
        """Return what lies in ``queue``, ``taken`` or ``stolen``, by position."""
        return [Entry.parse(name) for name in sorted(os.listdir(self._root / folder)) if name[0] != "."]

    def enqueue(self, order: dict[str, Any]) -> None:
        """Add an attempt, unless it has been here: what was taken or stolen never comes back."""
        entry = Entry.of(order)
        # In the order in which an attempt moves, so that one that moves meanwhile is found.
        if any(self._find(folder, entry.attempt_id) for folder in ("queue", "taken", "stolen")):
            return
        aside = self._root / "incoming" / entry.name
        write_atomic(aside, json.dumps(order), durable=False)
        aside.rename(self._root / "queue" / entry.name)

    def steal(self, attempt_id: str) -> bool:
        """Take a waiting attempt back; also true for one that was given back before (the answer got lost)."""
        entry = self._find("queue", attempt_id)
        if entry and self._move(entry, "stolen"):
            return True
        return self._find("stolen", attempt_id) is not None

    def take(self, fits: Callable[[dict[str, Any]], bool] = lambda order: True) -> Entry | None:
        """Take the first waiting attempt, if there is one, and its order fits: none overtakes another.

        :param fits: told the order, which is empty where the attempt is being stolen.
        """
        for entry in self.entries("queue"):
            if not fits(read_json(self._root / "queue" / entry.name)):
                return None
            if self._move(entry, "taken"):
                return entry
        return None

    def order(self, entry: Entry) -> dict[str, Any]:
        """Return the order of an attempt that was taken."""
        return read_json(self._root / "taken" / entry.name)

    def _find(self, folder: str, attempt_id: str) -> Entry | None:
        return next((entry for entry in self.entries(folder) if entry.attempt_id == attempt_id), None)

    def _move(self, entry: Entry, folder: str) -> bool:
        try:
            (self._root / "queue" / entry.name).rename(self._root / folder / entry.name)
        except FileNotFoundError:  # the other side was first
            return False
        return True

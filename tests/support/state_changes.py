"""What one step of a controller may make of a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from airflow_provider_hads.model.run_state import TaskState, VmState

__all__ = ["reachable"]

State = TypeVar("State", VmState, TaskState)


def reachable(table: Mapping[State, frozenset[State]], state: State) -> set[State]:
    """Return what one step can lead to: what is seen and what follows from it are two changes."""
    near = {state} | table[state]
    return near.union(*(table[one] for one in near))

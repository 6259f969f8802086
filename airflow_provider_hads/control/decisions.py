"""The record of what was decided, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_hads.control.actions import (
    Action,
    AssignTask,
    CancelAttempt,
    DeployVm,
    LaunchVm,
    PublishResults,
    RenewLease,
    StealTask,
    TerminateVm,
)
from airflow_provider_hads.model.run_state import Decision, RunState

__all__ = [
    "MOST_DECISIONS",
    "PART_OF_DECISIONS",
    "all_decisions",
    "decision_of",
    "first_number",
    "in_words",
    "with_decisions",
]

MOST_DECISIONS = 300
"""The last ones are kept; of all others only their number, by reason: the state document is to stay small."""

PART_OF_DECISIONS = 100
"""All others are kept elsewhere, in parts of so many."""


def decision_of(action: Action, elapsed: float) -> Decision | None:
    """Return the decision that an action carries out; None for upkeep, which changes nothing of a run's way.

    :param elapsed: seconds since the run's start.
    """
    if isinstance(action, (PublishResults, DeployVm, RenewLease)):
        return None
    kind = action.key.partition("/")[0]
    attempt_id = getattr(action, "attempt_id", "")
    return Decision(round(elapsed, 1), kind, action.vm_id, action.reason.value, attempt_id)


def with_decisions(state: RunState, actions: Iterable[Action], elapsed: float) -> RunState:
    """Return the state with what was decided entered.

    Of many decisions at once all stay, with those before them that are no whole part yet: nobody who sees
    each state misses one.

    :param elapsed: seconds since the run's start.
    """
    made = [one for action in actions if (one := decision_of(action, elapsed)) is not None]
    if not made:
        return state
    return replace(
        state,
        decisions=(*state.decisions, *made)[-max(MOST_DECISIONS, len(made) + PART_OF_DECISIONS) :],
        decided=dict(Counter(state.decided) + Counter(one.reason for one in made)),
    )


def first_number(state: RunState) -> int:
    """Return the number of the first decision that a state still has, counted from 0 over the whole run."""
    return sum(state.decided.values()) - len(state.decisions)


def all_decisions(
    kept: Mapping[int, Sequence[Mapping[str, Any]]], snapshot: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Return the decisions of parts and of a snapshot in their order, each once, whichever has it.

    :param kept: parts by the number of their first decision.
    """
    last = snapshot.get("decisions", ())
    first = sum(snapshot.get("decided", {}).values()) - len(last)
    numbered = {
        number: one
        for start, decisions in [*kept.items(), (first, last)]
        for number, one in enumerate(decisions, start)
    }
    return [numbered[number] for number in sorted(numbered)]


def in_words(action: Action) -> str:
    """Return an action and its reason as one line for the log."""
    return f"{_what(action)} ({action.reason})"


def _what(action: Action) -> str:
    if isinstance(action, LaunchVm):
        return f"launch {action.vm_id} ({action.instance_type}, {action.market})"
    if isinstance(action, AssignTask):
        return f"assign {action.attempt_id} to {action.vm_id}"
    if isinstance(action, StealTask):
        return f"steal {action.attempt_id} from {action.vm_id}"
    if isinstance(action, CancelAttempt):
        return f"drop {action.attempt_id} on {action.vm_id}"
    if isinstance(action, TerminateVm):
        return f"terminate {action.vm_id}"
    if isinstance(action, RenewLease):
        return f"renew the lease of {action.vm_id}"
    if isinstance(action, DeployVm):
        return f"deploy {action.vm_id}"
    return f"publish {action.attempt_id}"

"""The record of what was decided, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

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

__all__ = ["MOST_DECISIONS", "decision_of", "in_words", "with_decisions"]

MOST_DECISIONS = 300
"""The last ones are kept; of all others only their number, by reason: the state document is to stay small."""


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

    :param elapsed: seconds since the run's start.
    """
    made = [one for action in actions if (one := decision_of(action, elapsed)) is not None]
    if not made:
        return state
    return replace(
        state,
        decisions=(*state.decisions, *made)[-MOST_DECISIONS:],
        decided=dict(Counter(state.decided) + Counter(one.reason for one in made)),
    )


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

"""One step of the controller: from a state and what was seen to the next state and what to do."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_hads.control.actions import Action
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.observation import Observation
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.step import step
from airflow_provider_hads.model.run_state import RunState

__all__ = ["decide"]


def decide(
    state: RunState, observation: Observation, now: datetime, rules: Rules, mission: Mission | None = None
) -> tuple[RunState, tuple[Action, ...]]:
    """Make one step.

    Pure: the same arguments give the same answer. The actions are returned once; their keys stay in
    ``state.pending`` until their results are observed, and nothing pending is asked for again. What has
    failed is asked for again after a pause.

    It opens the state's books, makes the step and closes them. Who makes many steps in a row and needs no
    state in between (the simulator) keeps a :class:`~airflow_provider_hads.control.ledger.Ledger` open, and
    calls :func:`~airflow_provider_hads.control.step.step` itself: the decisions are the same.

    :param state: the state before.
    :param observation: what has become known since.
    :param now: UTC.
    :param rules: the time limits.
    :param mission: what is to be achieved; None follows the plan to the letter, whatever is lost.
    :return: the state after, and what is to be done.
    """
    ledger = Ledger(state, rules, mission)
    actions = step(ledger, observation, state.elapsed(now))
    return ledger.close(), tuple(actions)

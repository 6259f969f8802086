"""The controller's place in a run's DAG, where people are told of a miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import PokeReturnValue

from airflow_provider_hads.notifications import NotifierChoice, notify
from airflow_provider_hads.sensors.supervise import SuperviseSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.model.run_state import RunState

__all__ = ["AlertingSuperviseSensor"]

ALERTED_KEY = "miss_alerted"


class AlertingSuperviseSensor(SuperviseSensor):
    """
    Control a run, and tell people as soon as it is certain that the deadline can't be met.

    They are told once, also where another try goes on. For all else see
    :class:`~airflow_provider_hads.sensors.supervise.SuperviseSensor`.

    :param notifiers: those of the event ``miss`` are used.
    """

    def __init__(self, *, notifiers: Sequence[NotifierChoice] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notifiers = tuple(notifiers)

    def poke(self, context: Context) -> PokeReturnValue:
        """Make one step of the controller; a miss is told of also where that step fails the task."""
        try:
            return super().poke(context)
        finally:
            if self._supervisor is not None and self._supervisor.state.deadline_missed:
                self._tell_of_miss(context, self._supervisor.state)

    def _tell_of_miss(self, context: Context, state: RunState) -> None:
        from airflow_provider_hads.runtime.run_context import RunContext

        run = RunContext.from_xcom(self.run)
        store = context["task_state_store"]
        if not self.notifiers or store.get(ALERTED_KEY) == run.generation:
            return
        why = f": {state.miss.reason}" if state.miss is not None else ""
        text = f"Run {run.identity.name}: the deadline, {state.deadline:.0f} s, can't be met{why}"
        notify(self.notifiers, "miss", context, text, run=run.identity.name, deadline=state.deadline)
        store.set(ALERTED_KEY, run.generation)

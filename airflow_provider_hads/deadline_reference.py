"""A run's own deadline, as Airflow's deadline alerts need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["RunDeadline"]


@dataclass(eq=False)
class RunDeadline(BaseDeadlineReference):
    """The moment ``deadline_seconds`` after a run was queued.

    The run's clock starts with ``open_run``, a few seconds later: the alert is early by these, never late.
    The provider's plugin registers it.

    :param default_seconds: where the run was triggered without ``deadline_seconds``; None where the DAG has
        no default either: such runs have no alert.
    """

    default_seconds: float | None = None

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    def serialize_reference(self) -> dict[str, Any]:
        """Return what is stored with the DAG."""
        return {**super().serialize_reference(), "default_seconds": self.default_seconds}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> RunDeadline:
        """Read what was stored with the DAG."""
        return cls(reference_data.get("default_seconds"))

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return a run's deadline, UTC; Airflow's scheduler and API server call this for a new run."""
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select

        query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        dag_run = session.scalar(query)
        if dag_run is None:
            return None
        seconds = self.seconds_of(dag_run.conf)
        began: datetime = dag_run.queued_at or dag_run.run_after
        try:
            return None if seconds is None else began + timedelta(seconds=seconds)
        except (OverflowError, ValueError):  # the run is refused for it; the scheduler is not to suffer
            return None

    def seconds_of(self, conf: Any) -> float | None:
        """Return a run's deadline in seconds, None where there is none.

        :param conf: what the run was triggered with; values that were not given are not in it.
        """
        given = conf.get("deadline_seconds") if isinstance(conf, dict) else None
        try:
            return self.default_seconds if given is None else float(given)
        except (TypeError, ValueError):
            return self.default_seconds

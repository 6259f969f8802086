"""The task that leaves nothing running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["TerminateOperator"]


class TerminateOperator(BaseOperator):
    """
    End all that a run has launched, whatever became of the run.

    It finds VMs and spot requests by the run's tag, not by memory: it cancels the spot requests first, then
    terminates the VMs, and looks again until two looks find nothing. It is meant to be a teardown.

    It returns what the run's VMs were, and when they were launched and ended, for the report.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param aws_conn_id: connection for EC2. (templated)
    """

    template_fields: Sequence[str] = ("run", "aws_conn_id")
    ui_color = "#f0d0c8"

    def __init__(self, *, run: Any, aws_conn_id: str = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """End everything, and say what there was."""
        from airflow_provider_hads.runtime.ending import end_run
        from airflow_provider_hads.runtime.run_context import RunContext
        from airflow_provider_hads.runtime.workshop import Workshop

        workshop = Workshop(RunContext.from_xcom(self.run), self.aws_conn_id)
        return end_run(workshop)

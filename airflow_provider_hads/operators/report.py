"""The task that tells what a run has cost and how it went."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_hads.notifications import NotifierChoice, notify

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["ReportOperator"]


class ReportOperator(BaseOperator):
    """
    Write a run's report: cost, makespan, savings, how each task went, and every decision with its reason.

    It returns the report, logs it as a table and keeps it in the bucket as
    ``<job>_<execution>/_hads/report.json``. It is meant to be a teardown that can fail its run: it fails
    where ``supervise`` has not succeeded, for the tasks that watch may all have been skipped then, and
    Airflow would call the run a success.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param snapshot: what ``supervise`` published last, or its JSON text; null where it has published none.
        (templated)
    :param figures: the plan's figures, as ``schedule`` hands them on, or their JSON text; null where there is
        no plan. (templated)
    :param fleet: what ``terminate`` hands on. (templated)
    :param supervise_task_id: task id of the
        :class:`~airflow_provider_hads.sensors.supervise.SuperviseSensor`.
    :param notifiers: those of the event ``end`` are used.
    :param aws_conn_id: connection for S3. (templated)
    """

    template_fields: Sequence[str] = ("run", "snapshot", "figures", "fleet", "aws_conn_id")
    ui_color = "#e0e0f0"

    def __init__(
        self,
        *,
        run: Any,
        snapshot: Any = None,
        figures: Any = None,
        fleet: Any = (),
        supervise_task_id: str = "supervise",
        notifiers: Sequence[NotifierChoice] = (),
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supervise_task_id = supervise_task_id
        self.run = run
        self.snapshot = snapshot
        self.figures = figures
        self.fleet = fleet
        self.notifiers = tuple(notifiers)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the report."""
        from airflow_provider_hads.control.report import make_report, render_report
        from airflow_provider_hads.runtime.run_context import RunContext
        from airflow_provider_hads.runtime.workshop import Workshop

        run = RunContext.from_xcom(self.run)
        snapshot, figures = _document(self.snapshot), _document(self.figures)
        workshop = Workshop(run, self.aws_conn_id)
        kept = self._kept_decisions(workshop)
        report = make_report(run.identity.name, snapshot, figures, self.fleet or [], kept)
        for line in render_report(report).splitlines():
            self.log.info("%s", line)
        workshop.save_report(report)
        self._tell(context, report)
        self._require_supervision(context)
        return report

    def _kept_decisions(self, workshop: Workshop) -> Mapping[int, Sequence[Mapping[str, Any]]]:
        """Return the decisions that the snapshot lacks; a report without them is better than none."""
        from airflow_provider_hads.exceptions import StorageError

        try:
            return workshop.decisions.read()
        except StorageError as error:
            self.log.warning("Only the last decisions can be told one by one: %s", error)
            return {}

    def _tell(self, context: Context, report: Mapping[str, Any]) -> None:
        """Say how the run has ended to whoever wants to know."""
        done = f"{report['finished']} of {report['tasks']} tasks finished"
        deadline = "met" if report["deadline_met"] else "not met"
        text = f"Run {report['run']} has ended: {done}, deadline {deadline}, cost {report['cost']:.4f} $"
        notify(self.notifiers, "end", context, text, run=report["run"], report=report)

    def _require_supervision(self, context: Context) -> None:
        """Fail if the controller has not ended well.

        Airflow skips what has not begun when a run is marked failed, and skipped tasks count as done.
        """
        from airflow_provider_hads.triggers.producer import producer_state

        ti = context["ti"]
        state = producer_state(ti.dag_id, ti.run_id, self.supervise_task_id)
        if state == TaskInstanceState.SKIPPED:
            raise AirflowFailException(
                f"The run was ended while {self.supervise_task_id} was not at work: see above what is missing"
            )
        if state != TaskInstanceState.SUCCESS:
            raise AirflowFailException(f"{self.supervise_task_id} has not succeeded ({state}): see its log.")


def _document(given: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    document: Mapping[str, Any] | None = json.loads(given) if isinstance(given, str) else given
    return document or {}

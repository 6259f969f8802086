"""The sensor that mirrors a job's task in Airflow's grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, TaskInstanceState
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_hads.control.mirror import attempt_lines, mirror
from airflow_provider_hads.sensors.waiting import AS_LONG_AS_IT_TAKES
from airflow_provider_hads.triggers.producer import ENDED_STATES, read_producer

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["JobTaskSensor"]


class JobTaskSensor(BaseSensorOperator):
    """
    Wait for tasks of a job, and show how they went.

    It succeeds when all its tasks have finished and fails when one has failed; where and how often a task was
    tried, and its container's log, stand in the sensor's own log. It reads what ``supervise`` publishes.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param task_ids: ids of the job's tasks that this instance mirrors. (templated)
    :param supervise_task_id: task id of the
        :class:`~airflow_provider_hads.sensors.supervise.SuperviseSensor`.
    :param aws_conn_id: connection to read the containers' logs with. (templated)
    :param deferrable: wait in the triggerer while ``supervise`` runs.
    """

    template_fields: Sequence[str] = ("run", "task_ids", "aws_conn_id")
    ui_color = "#d7e8f7"

    def __init__(
        self,
        *,
        run: Any,
        task_ids: Sequence[str],
        supervise_task_id: str = "supervise",
        aws_conn_id: str = "aws_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 15,
        timeout: float | timedelta = AS_LONG_AS_IT_TAKES,
        **kwargs: Any,
    ) -> None:
        super().__init__(mode="reschedule", poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.run = run
        self.task_ids = task_ids
        self.supervise_task_id = supervise_task_id
        self.aws_conn_id = aws_conn_id
        self.deferrable = deferrable

    def poke(self, context: Context) -> bool:
        """Look once; then wait in the triggerer, or say that it is to come back later.

        It defers only while ``supervise`` runs: where one process does everything in turn
        (``airflow dags test``), a trigger that waits for a task that has not begun would wait for ever.
        """
        ti = context["ti"]
        state, snapshot = read_producer(ti.dag_id, ti.run_id, self.supervise_task_id)
        # Before its try begins, the snapshot is of before the run was cleared.
        published = state == TaskInstanceState.RUNNING or state in ENDED_STATES
        if self._show_if_decided(state, snapshot.get("tasks", {}) if published else {}):
            return True
        if self.deferrable and state == TaskInstanceState.RUNNING:
            self._defer(context)
        return False

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """Show how the tasks went, once the trigger has seen them end."""
        self._show_if_decided(event["producer_state"], event["tasks"])

    def _defer(self, context: Context) -> None:
        from airflow_provider_hads.triggers.job_task import JobTaskTrigger

        ti = context["ti"]
        self.defer(
            trigger=JobTaskTrigger(ti.dag_id, ti.run_id, self.supervise_task_id, list(self.task_ids)),
            timeout=timedelta(seconds=self.timeout),
            method_name="execute_complete",
        )

    def _show_if_decided(self, producer_state: str | None, tasks: Mapping[str, Any]) -> bool:
        seen = mirror(self.task_ids, tasks, producer_ended=producer_state in ENDED_STATES)
        if not seen.decided:
            return False
        for task_id in self.task_ids:
            if task_id in tasks:
                self._show(task_id, tasks[task_id])
        if seen.failures:
            raise AirflowFailException("\n".join([*seen.failures, self._advice()]))
        return True

    def _advice(self) -> str:
        return (
            f"To run what has not finished, clear {self.supervise_task_id} with what is downstream of it; "
            "to clear this task alone runs nothing."
        )

    def _show(self, task_id: str, task: Mapping[str, Any]) -> None:
        from airflow_provider_hads.exceptions import HadsError
        from airflow_provider_hads.runtime.run_context import RunContext
        from airflow_provider_hads.runtime.workshop import Workshop

        results = Workshop(RunContext.from_xcom(self.run), self.aws_conn_id).results
        for line in attempt_lines(task_id, task):
            self.log.info("%s", line)
        for attempt in task["attempts"]:
            if attempt["started_at"] is None:
                continue
            try:
                text = results.container_log(task_id, attempt["id"])
            except HadsError as error:
                text = f"(the log can't be read: {error})"
            self.log.info("::group::Container log of attempt %s", attempt["id"])
            for line in text.splitlines():
                self.log.info("%s", line)
            self.log.info("::endgroup::")

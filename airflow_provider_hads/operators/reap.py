"""The operator that ends what dead deployments have left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.exceptions import AirflowException

from airflow_provider_hads.operators.run_of_task import told_plainly

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["ReapOperator"]

_STATES = ("queued", "running", "success", "failed")


class ReapOperator(BaseOperator):
    """
    End what is left of runs that are not alive: VMs, spot requests, volumes, all found by tag.

    A thing is ended when its lease is over, or when it is older than ``older_than``, and its run is not
    queued or running in this Airflow. A run that is called running a day after its lease keeps nothing.
    Where a run's state can't be seen, only the lease counts. Runs of another Airflow count as not alive:
    where several share an account, leave ``older_than`` out.

    It returns what it has found and what has become of it, and fails where something could not be ended, or
    a run's state not be seen.

    :param older_than: seconds; None leaves it to the lease. (templated)
    :param dry_run: only tell.
    :param region: overrides the connection's. (templated)
    :param aws_conn_id: connection for EC2 and S3. (templated)
    """

    template_fields: Sequence[str] = ("older_than", "region", "aws_conn_id")
    ui_color = "#f0d0c8"

    def __init__(
        self,
        *,
        older_than: float | str | None = None,
        dry_run: bool = False,
        region: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.older_than = older_than
        self.only_tell = dry_run  # the name that Airflow has for a method
        self.region = region
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Look, and end."""
        from airflow_provider_hads.cloud.clients import ec2_client
        from airflow_provider_hads.runtime.reaping import Fate, reap, render_findings, run_of, unseen_runs

        now = timezone.utcnow()
        with told_plainly():
            findings = reap(
                ec2_client(self.aws_conn_id, self.region),
                run_of(self.aws_conn_id, self.region, _state_of_run),
                now=now,
                older_than=None if self.older_than in (None, "", "None") else float(self.older_than or 0),
                dry_run=self.only_tell,
            )
        for line in render_findings(findings, now).splitlines():
            self.log.info("%s", line)
        failed = [finding.leftover.id for finding in findings if finding.fate is Fate.FAILED]
        unseen = unseen_runs(findings)
        if failed:
            unseen.insert(0, f"Not ended: {', '.join(failed)}; the log says why")
        if unseen:
            raise AirflowException("; ".join(unseen))
        return [finding.to_json() for finding in findings]


def _state_of_run(dag_id: str, run_id: str) -> str | None:
    """Ask Airflow as a task may: it has no way to the database."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    for state in _STATES:
        if RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=[state]):
            return state
    return None

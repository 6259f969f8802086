"""The operator that leaves no VM of a hand-written DAG's run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_hads.operators.run_of_task import airflow_run, bucket_name, told_plainly

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["TerminateFleetOperator"]


class TerminateFleetOperator(BaseOperator):
    """
    End all VMs that the run has provisioned, whatever became of it.

    It finds them by the run's tag, so that it needs nothing from other tasks: it cancels the run's spot
    requests first, then terminates the VMs, and looks again until two looks find nothing. It is meant to be a
    teardown: ``terminate.as_teardown(setups=...)``, of a setup that can't fail, so that it always runs.

    It returns the ids of the VMs and of the spot requests that it has ended.

    :param bucket: the one that the VMs were provisioned with; None takes ``[hads] bucket``. (templated)
    :param region: overrides the connection's. (templated)
    :param aws_conn_id: connection for EC2. (templated)
    """

    template_fields: Sequence[str] = ("bucket", "region", "aws_conn_id")
    ui_color = "#f0d0c8"

    def __init__(
        self,
        *,
        bucket: str | None = None,
        region: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.region = region
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, list[str]]:
        """End everything."""
        from airflow_provider_hads.cloud.clients import ec2_client
        from airflow_provider_hads.cloud.termination import end_all
        from airflow_provider_hads.configuration import read_configuration

        with told_plainly():
            uid = airflow_run(context).uid(bucket_name(self.bucket))
            client = ec2_client(self.aws_conn_id, self.region)
            pause = read_configuration().ending_pause
            ended = end_all(client, uid, clock=time.monotonic, sleep=time.sleep, pause=pause)
        self.log.info(
            "Nothing of this run is left running; VMs terminated: %d, spot requests cancelled: %d",
            len(ended.instance_ids),
            len(ended.spot_request_ids),
        )
        return {"instances": list(ended.instance_ids), "spot_requests": list(ended.spot_request_ids)}

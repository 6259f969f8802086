"""Once an hour, end what dead deployments have left: what is overdue, and of no run that is alive.

It is paused until it is switched on. Leave ``older_than`` out, as here, where several Airflows share an
account.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.operators import ReapOperator

with DAG(
    "hads_reap",
    schedule="@hourly",
    start_date=datetime(2025, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    doc_md=__doc__,
    tags=["hads"],
):
    ReapOperator(task_id="reap", retries=2, aws_conn_id=read_configuration().aws_conn_id)

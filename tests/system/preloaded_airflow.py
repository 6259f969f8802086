"""The ``airflow`` command, with what a job's tasks need imported beforehand.

The scheduler's LocalExecutor forks a process for each task. What its parent has not imported each of them
imports anew, which costs more than all that most of them do.
"""

from __future__ import annotations

import importlib
import sys

from airflow_provider_hads.service_data import service_data

HEAVY = (
    "airflow.executors.local_executor",
    "airflow.jobs.scheduler_job_runner",
    "airflow.providers.amazon.aws.hooks.ec2",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.ssh.hooks.ssh",
    "airflow.sdk.execution_time.task_runner",
    "airflow_provider_hads.dag_factory",
    "airflow_provider_hads.planning.registry",
    "airflow_provider_hads.runtime.ending",
    "airflow_provider_hads.runtime.opening",
    "airflow_provider_hads.runtime.supervisor",
    "airflow_provider_hads.triggers.job_task",
    "airflow_provider_hads.vm.gateway",
)
SERVICES = ("ec2", "s3", "sts", "pricing", "sqs")


def main() -> int | None:
    """Import all of it and become ``airflow``."""
    from airflow.__main__ import main as airflow

    for name in HEAVY:
        importlib.import_module(name)
    for service in SERVICES:
        service_data().load_service_model(service, "service-2")
    exit_code: int | None = airflow()
    return exit_code


if __name__ == "__main__":
    sys.exit(main())

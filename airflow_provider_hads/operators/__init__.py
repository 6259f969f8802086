"""The provider's operators; those named here are for hand-written DAGs, the others make the generated one."""

from airflow_provider_hads.operators.docker_task import DockerTaskOperator
from airflow_provider_hads.operators.migrate_tasks import MigrateTasksOperator
from airflow_provider_hads.operators.provision_vm import ProvisionVmOperator
from airflow_provider_hads.operators.reap import ReapOperator
from airflow_provider_hads.operators.terminate_fleet import TerminateFleetOperator

__all__ = [
    "DockerTaskOperator",
    "MigrateTasksOperator",
    "ProvisionVmOperator",
    "ReapOperator",
    "TerminateFleetOperator",
]

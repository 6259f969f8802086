"""The provider's building blocks in a hand-written DAG: two VMs, a few Docker tasks, and a way out.

Three tasks run on a spot VM, one on an on-demand VM. Should EC2 interrupt the spot VM, its unfinished tasks
are moved to the other one; whoever waits for a task follows it there. Whatever happens, no VM is left.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, task

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.operators import (
    DockerTaskOperator,
    MigrateTasksOperator,
    ProvisionVmOperator,
    TerminateFleetOperator,
)
from airflow_provider_hads.sensors import SpotInterruptionSensor

deployment = read_configuration()
AWS: dict[str, Any] = {"aws_conn_id": deployment.aws_conn_id}
VMS: dict[str, Any] = {**AWS, "ssh_conn_id": deployment.ssh_conn_id}


@task.short_circuit
def was_interrupted(event: Any) -> bool:
    """Go on only where there was an interruption."""
    return bool(event)


with DAG(
    "hads_building_blocks",
    schedule=None,
    catchup=False,
    doc_md=__doc__,
    tags=["hads"],
    params={
        "image": Param("synthetic", type="string", description_md="Docker image of the tasks."),
        "seconds": Param(20, type="integer", minimum=1, description_md="Seconds that each task works."),
        "patience": Param(
            60, type="integer", minimum=1, description_md="Seconds that a task waits for a VM that is away."
        ),
    },
    default_args={"retries": 5, "retry_delay": timedelta(seconds=5)},
):
    # A setup that can't fail: so the teardown runs even if no VM can be had.
    begin = EmptyOperator(task_id="begin").as_setup()
    spot = ProvisionVmOperator(task_id="spot_vm", vm_name="spot", instance_type="c5.large", **VMS)
    safe = ProvisionVmOperator(
        task_id="on_demand_vm", vm_name="safe", instance_type="c5.large", market="on-demand", **VMS
    )
    docker_tasks: dict[str, Any] = {
        "image": "{{ params.image }}",
        "command": "synthetic 20 --seconds {{ params.seconds }} --load 5 && echo $HOSTNAME > host.txt",
        "interruption_timeout": "{{ params.patience }}",
        "poll_interval": 2,
        **VMS,
    }
    on_spot = [
        DockerTaskOperator(task_id=f"spot_task_{number}", vm=spot.output, **docker_tasks)
        for number in range(3)
    ]
    on_safe = DockerTaskOperator(task_id="safe_task", vm=safe.output, **docker_tasks)
    interruption = SpotInterruptionSensor(
        task_id="interruption",
        vms=[spot.output],
        while_running=[one.task_id for one in on_spot],
        poke_interval=3,
        **AWS,
    )
    migrate = MigrateTasksOperator(task_id="migrate", source=spot.output, target=safe.output, **VMS)
    terminate = TerminateFleetOperator(task_id="terminate", retries=5, **AWS)

    begin >> [spot, safe]
    was_interrupted(interruption.output) >> migrate
    [*on_spot, on_safe, migrate] >> terminate.as_teardown(setups=begin)

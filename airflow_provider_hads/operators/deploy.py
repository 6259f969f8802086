"""The task that makes one VM work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["DeployOperator"]


class DeployOperator(BaseOperator):
    """
    Wait for one VM's SSH, install its runner and put its tasks into its queue.

    It waits at most the boot time-out. What does not work by then is handed on instead of failing the
    run: the controller goes on with the VM as it is.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param vm: the VM, as ``schedule`` hands it on. (templated)
    :param launched: what ``provision`` hands on. (templated)
    :param aws_conn_id: connection for EC2. (templated)
    :param ssh_conn_id: connection with the private key that opens the VM. (templated)
    """

    template_fields: Sequence[str] = ("run", "vm", "launched", "aws_conn_id", "ssh_conn_id")
    ui_color = "#f0e0e8"

    def __init__(
        self,
        *,
        run: Any,
        vm: Any,
        launched: Any,
        aws_conn_id: str = "aws_default",
        ssh_conn_id: str = "ssh_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.vm = vm
        self.launched = launched
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Deploy, and hand on how far it came."""
        from airflow_provider_hads.exceptions import HadsError
        from airflow_provider_hads.runtime.deployment import deploy
        from airflow_provider_hads.runtime.first_state import deployment_report, vm_record
        from airflow_provider_hads.runtime.run_context import RunContext
        from airflow_provider_hads.runtime.workshop import Workshop

        if self.launched["instance_id"] is None:
            self.log.info("Nothing to deploy: %s", self.launched["reason"])
            return dict(self.launched)
        workshop = Workshop(RunContext.from_xcom(self.run), self.aws_conn_id, self.ssh_conn_id)
        vm = vm_record(self.vm)
        instance_id = self.launched["instance_id"]
        try:
            deploy(workshop, vm, instance_id)
        except HadsError as error:
            self.log.warning("%s is not deployed yet: %s", vm.id, error)
            return deployment_report(vm.id, instance_id, reason=str(error))
        self.log.info("%s is ready; tasks in its queue: %d", vm.id, len(vm.task_ids))
        return deployment_report(vm.id, instance_id, deployed=True)

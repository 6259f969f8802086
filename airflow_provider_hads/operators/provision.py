"""The task that launches one VM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["ProvisionOperator"]


class ProvisionOperator(BaseOperator):
    """
    Launch one VM of a run, and don't wait for it.

    A second try adopts what the first has launched. Where the cloud has no such VM, it hands on why
    instead of failing the run: the controller decides what to do without it.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param vm: the VM, as ``schedule`` hands it on. (templated)
    :param aws_conn_id: connection for EC2. (templated)
    :param ssh_conn_id: connection with the private key that is to open the VM. (templated)
    """

    template_fields: Sequence[str] = ("run", "vm", "aws_conn_id", "ssh_conn_id")
    ui_color = "#f0e0e8"

    def __init__(
        self,
        *,
        run: Any,
        vm: Any,
        aws_conn_id: str = "aws_default",
        ssh_conn_id: str = "ssh_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.vm = vm
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Launch the VM, and hand on which instance it is or why there is none."""
        from airflow_provider_hads.exceptions import HadsError
        from airflow_provider_hads.runtime.first_state import deployment_report, vm_record
        from airflow_provider_hads.runtime.run_context import RunContext
        from airflow_provider_hads.runtime.workshop import Workshop

        workshop = Workshop(RunContext.from_xcom(self.run), self.aws_conn_id, self.ssh_conn_id)
        vm = vm_record(self.vm)
        try:
            launched = workshop.fleet.launch(workshop.launch_order(vm))
        except HadsError as error:
            self.log.warning("%s was not launched: %s", vm.id, error)
            return deployment_report(vm.id, None, reason=f"not launched: {error}")
        return deployment_report(vm.id, launched.instance_id, reason=launched.note)

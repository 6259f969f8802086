"""The operator that moves the unfinished tasks of one VM to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_hads.operators.run_of_task import told_plainly

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["MigrateTasksOperator"]


class MigrateTasksOperator(BaseOperator):
    """
    Move the Docker tasks that have not ended on a VM to another VM.

    What waits in the VM's queue is withdrawn, what runs is dropped, where the VM can be reached; where it
    can't, since it is hibernated or gone, its tasks are moved all the same. Each goes on as the task's next
    attempt, from its beginning. Should the VM resume and finish its attempt too, only one of them is
    published. Tasks that begin later and are meant for the source go to the target as well. The
    :class:`~airflow_provider_hads.operators.docker_task.DockerTaskOperator` that waits for a task follows it.

    It returns the moved tasks, each with the ids of its old and its new attempt. A further try moves nothing
    twice.

    :param source: the VM that is left, as a
        :class:`~airflow_provider_hads.operators.provision_vm.ProvisionVmOperator` returns it. (templated)
    :param target: the VM that is to go on, of the same run. (templated)
    :param aws_conn_id: connection for EC2 and S3. (templated)
    :param ssh_conn_id: connection with the private key for the VMs. (templated)
    """

    template_fields: Sequence[str] = ("source", "target", "aws_conn_id", "ssh_conn_id")
    template_fields_renderers = {"source": "json", "target": "json"}  # noqa: RUF012
    ui_color = "#f7e3c5"

    def __init__(
        self,
        *,
        source: Any,
        target: Any,
        aws_conn_id: str | None = "aws_default",
        ssh_conn_id: str = "ssh_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.target = target
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Move them."""
        from airflow_provider_hads.exceptions import InputError
        from airflow_provider_hads.runtime.blocks.migration import migrate
        from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
        from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

        with told_plainly():
            source, target = VmHandle.from_xcom(self.source), VmHandle.from_xcom(self.target)
            if source.run != target.run or source.instance_id == target.instance_id:
                raise InputError("task", "target", f"{target.vm_id} is no other VM of the same run")
            toolbox = Toolbox.of(source, self.aws_conn_id, self.ssh_conn_id)
            try:
                moved = migrate(toolbox, source, target)
            finally:
                toolbox.close()
        for one in moved:
            self.log.info(
                "Task %s moves from %s to %s: attempt %s follows %s",
                one.task_id,
                source.vm_id,
                target.vm_id,
                one.new,
                one.old,
            )
        if not moved:
            self.log.info("%s has no task that is to be moved", source.vm_id)
        return [asdict(one) for one in moved]

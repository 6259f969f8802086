"""The operator that runs one Docker command on a provisioned VM."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException

from airflow_provider_hads.operators.run_of_task import told_plainly

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.model.runner import AttemptStatus
    from airflow_provider_hads.runtime.blocks.following import TaskEnd
    from airflow_provider_hads.runtime.blocks.placing import DockerTask
    from airflow_provider_hads.runtime.blocks.tickets import Ticket
    from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["DockerTaskOperator"]


class DockerTaskOperator(BaseOperator):
    """
    Run one command in a container on a VM, and publish what it leaves in its work folder.

    The VM works off its queue by itself, also while Airflow is down. When it is interrupted, this waits up to
    ``interruption_timeout`` for it to resume, or for a
    :class:`~airflow_provider_hads.operators.migrate_tasks.MigrateTasksOperator` to move the task, and follows
    it to its new VM. A further try goes on with an attempt that still goes on. Results are published once:
    a task that is cleared after it has published them ends at once with those.

    It fails where the command's exit code is not 0, with its reason; the container's log is in the task's.

    It returns the id of the attempt, the ``s3://`` folder of the results, and their names.

    :param vm: what a
        :class:`~airflow_provider_hads.operators.provision_vm.ProvisionVmOperator` returns. (templated)
    :param command: for the image's shell. (templated)
    :param image: the Docker image: on the VM, ``images/<name>.tar`` in the bucket, or from a registry.
        (templated)
    :param name: name of the task in the run, and of its folder in the bucket; None takes the Airflow task's,
        with the map index. (templated)
    :param files: what the container finds in its work folder: paths there and the files on the worker, or
        only the latter. (templated)
    :param memory: MB, the container's limit; None is its slot's share of the VM.
    :param work_dir: the container's work folder.
    :param timeout: seconds that one try may take, the wait in the VM's queue included. (templated)
    :param interruption_timeout: seconds that its VM may be away. (templated)
    :param aws_conn_id: connection for EC2 and S3. (templated)
    :param ssh_conn_id: connection with the private key for the VMs. (templated)
    :param deferrable: wait in the triggerer.
    :param poll_interval: seconds between two looks at the VM.
    """

    template_fields: Sequence[str] = (
        "vm",
        "command",
        "image",
        "name",
        "files",
        "timeout",
        "interruption_timeout",
        "aws_conn_id",
        "ssh_conn_id",
    )
    template_fields_renderers = {"command": "bash", "vm": "json", "files": "json"}  # noqa: RUF012
    ui_color = "#d7e8f7"

    def __init__(
        self,
        *,
        vm: Any,
        command: str,
        image: str,
        name: str | None = None,
        files: Mapping[str, str] | Sequence[str] = (),
        memory: float | None = None,
        work_dir: str = "/work",
        timeout: float | str = 6 * 3600.0,
        interruption_timeout: float | str = 600.0,
        aws_conn_id: str | None = "aws_default",
        ssh_conn_id: str = "ssh_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vm = vm
        self.command = command
        self.image = image
        self.name = name
        self.files = files
        self.memory = memory
        self.work_dir = work_dir
        self.timeout = timeout
        self.interruption_timeout = interruption_timeout
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self._waiting_for: Ticket | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Put the task into the VM's queue, and wait for its end here or in the triggerer."""
        from airflow_provider_hads.runtime.blocks.placing import place

        with told_plainly():
            vm = self._handle()
            toolbox = self._toolbox(vm)
            task = self._task(context)
            published = toolbox.results.manifest(task.task_id)
            if published is not None:
                self.log.info("Its results are published already, by attempt %s", published.attempt_id)
                return self._published(toolbox, task.task_id)
            ticket = place(toolbox, task, vm)
        if self.deferrable:
            toolbox.close()
            self._defer(vm, task.task_id)
        return self._conclude(toolbox, task.task_id, self._wait(toolbox, ticket))

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Publish the results, or fail with the reason, once the trigger has seen the end."""
        from airflow_provider_hads.runtime.blocks.following import TaskEnd

        return self._conclude(self._toolbox(self._handle()), self._name(context), TaskEnd.from_event(event))

    def on_kill(self) -> None:
        """Drop the task on its VM."""
        ticket = self._waiting_for
        if ticket is not None:
            self._drop(self._toolbox(ticket.vm), ticket)

    def _handle(self) -> VmHandle:
        from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

        return VmHandle.from_xcom(self.vm)

    def _toolbox(self, vm: VmHandle) -> Toolbox:
        from airflow_provider_hads.runtime.blocks.toolbox import Toolbox

        return Toolbox.of(vm, self.aws_conn_id, self.ssh_conn_id)

    def _name(self, context: Context) -> str:
        from airflow_provider_hads.runtime.blocks.identity import safe_name

        ti = context["ti"]
        mapped = ti.map_index is not None and ti.map_index >= 0
        return safe_name(self.name or (f"{ti.task_id}-{ti.map_index}" if mapped else ti.task_id))

    def _task(self, context: Context) -> DockerTask:
        from airflow_provider_hads.runtime.blocks.placing import DockerTask

        return DockerTask(
            task_id=self._name(context),
            command=self.command,
            image=self.image,
            work_dir=self.work_dir,
            memory=self.memory,
            files=self._files(),
            position=int(time.time()),  # first come, first served
        )

    def _files(self) -> dict[str, Path]:
        if isinstance(self.files, Mapping):
            return {path: Path(source) for path, source in self.files.items()}
        return {Path(source).name: Path(source) for source in self.files}

    def _defer(self, vm: VmHandle, docker_task_id: str) -> None:
        from airflow_provider_hads.triggers.docker_task import DockerTaskTrigger

        self.defer(
            trigger=DockerTaskTrigger(
                vm.to_xcom(),
                docker_task_id,
                self.aws_conn_id,
                self.ssh_conn_id,
                patience=float(self.interruption_timeout),
                until=time.time() + float(self.timeout),
                poll_interval=self.poll_interval,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=float(self.timeout) + 600),
        )

    def _wait(self, toolbox: Toolbox, ticket: Ticket) -> TaskEnd:
        from airflow_provider_hads.runtime.blocks.following import Follower
        from airflow_provider_hads.runtime.blocks.sighting import VmReader

        follower = Follower(
            toolbox.tickets,
            ticket,
            patience=float(self.interruption_timeout),
            until=time.monotonic() + float(self.timeout),
        )
        reader = VmReader(toolbox, ticket.vm)
        with told_plainly():
            while True:
                self._waiting_for = follower.ticket
                end = follower.judge(reader.look(), time.monotonic())
                if end is not None:
                    self._waiting_for = None
                    return end
                if follower.ticket is not self._waiting_for:
                    reader = VmReader(toolbox, follower.ticket.vm)
                time.sleep(self.poll_interval)

    def _conclude(self, toolbox: Toolbox, docker_task_id: str, end: TaskEnd) -> dict[str, Any]:
        with told_plainly():
            try:
                if end.attempt is None:
                    self._give_up(toolbox, docker_task_id, end)
                else:
                    self._publish(toolbox, docker_task_id, end.attempt)
            finally:
                toolbox.close()
            return self._published(toolbox, docker_task_id)

    def _give_up(self, toolbox: Toolbox, docker_task_id: str, end: TaskEnd) -> None:
        """Fail; what has had its time is dropped, what is astray is left to whoever moves it."""
        ticket = toolbox.tickets.latest(docker_task_id) if end.late else None
        if ticket is not None:
            self._drop(toolbox, ticket)
        raise AirflowException(end.problem)

    def _drop(self, toolbox: Toolbox, ticket: Ticket) -> None:
        from airflow_provider_hads.runtime.blocks.following import withdrawal
        from airflow_provider_hads.runtime.blocks.sighting import VmReader

        VmReader(toolbox, ticket.vm).look(withdrawal(ticket.order.attempt_id))
        self.log.info("Attempt %s is dropped", ticket.order.attempt_id)

    def _publish(self, toolbox: Toolbox, docker_task_id: str, attempt: AttemptStatus) -> None:
        from airflow_provider_hads.model.runner import AttemptState

        self._show_log(toolbox, docker_task_id, attempt.attempt_id)
        if attempt.state is not AttemptState.FINISHED:
            raise AirflowException(f"Attempt {attempt.attempt_id} has failed: {attempt.error}")
        if toolbox.results.publish(docker_task_id, attempt.attempt_id, attempt.files):
            self.log.info("Results of attempt %s are published", attempt.attempt_id)
        else:
            self.log.info("Another attempt was first: its results are the published ones")

    def _show_log(self, toolbox: Toolbox, docker_task_id: str, attempt_id: str) -> None:
        self.log.info("::group::Container log of attempt %s", attempt_id)
        for line in toolbox.results.container_log(docker_task_id, attempt_id).splitlines():
            self.log.info("%s", line)
        self.log.info("::endgroup::")

    def _published(self, toolbox: Toolbox, docker_task_id: str) -> dict[str, Any]:
        manifest = toolbox.results.manifest(docker_task_id)
        if manifest is None:
            raise AirflowException(f"The results of {docker_task_id} are not published")
        folder = toolbox.layout.data(docker_task_id, "")
        return {
            "attempt": manifest.attempt_id,
            "results": f"s3://{toolbox.run.bucket}/{folder}",
            "files": [file.path for file in manifest.files],
        }

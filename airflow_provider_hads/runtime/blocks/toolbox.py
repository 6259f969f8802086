"""What a task of a hand-written DAG works with, made when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.settings import Ec2Settings
from airflow_provider_hads.runtime.blocks.tickets import Tickets
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.runtime.connecting import connect_fleet, vm_view_of_aws
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout
from airflow_provider_hads.storage.results import Results
from airflow_provider_hads.vm.messages import RunnerConfig

if TYPE_CHECKING:
    from airflow_provider_hads.cloud.fleet import Ec2Fleet
    from airflow_provider_hads.vm.connection import SshAccess
    from airflow_provider_hads.vm.gateway import VmGateway

__all__ = ["Toolbox"]


class Toolbox:
    """Everything that has to do with one run's VMs and results, by the connections that a task was given.

    :param run: whose VMs they are.
    :param aws_conn_id: connection for EC2 and S3.
    :param ssh_conn_id: connection with the private key for the VMs; None for a task that speaks to none.
    :param ec2: where and how VMs are launched; for other tasks only region and user count.
    """

    def __init__(
        self,
        run: RunIdentity,
        aws_conn_id: str | None,
        ssh_conn_id: str | None = None,
        ec2: Ec2Settings | None = None,
    ) -> None:
        self.run = run
        self.ec2 = ec2 or Ec2Settings()
        self._aws_conn_id = aws_conn_id
        self._ssh_conn_id = ssh_conn_id

    @classmethod
    def of(cls, vm: VmHandle, aws_conn_id: str | None, ssh_conn_id: str | None = None) -> Toolbox:
        """Return the toolbox for a VM that there is."""
        return cls(vm.run, aws_conn_id, ssh_conn_id, Ec2Settings(region=vm.region, vm_user=vm.user))

    @cached_property
    def bucket(self) -> Bucket:
        """The run's bucket."""
        return Bucket.connect(self._aws_conn_id, self.run.bucket, self.ec2.region)

    @cached_property
    def layout(self) -> RunLayout:
        """Where the run's things are in it."""
        return RunLayout(self.run.name)

    @cached_property
    def results(self) -> Results:
        """The run's results."""
        return Results(self.bucket, self.layout)

    @cached_property
    def tickets(self) -> Tickets:
        """Which attempt of each task is where."""
        return Tickets(self.bucket, self.layout)

    @cached_property
    def client(self) -> Any:
        """A boto3 EC2 client."""
        from airflow_provider_hads.cloud.clients import ec2_client

        return ec2_client(self._aws_conn_id, self.ec2.region)

    @cached_property
    def fleet(self) -> Ec2Fleet:
        """The run's VMs as the cloud sees them."""
        access = self.ssh_access if self._ssh_conn_id is not None else None
        return connect_fleet(self._aws_conn_id, self.run, self.ec2, access)

    @cached_property
    def ssh_access(self) -> SshAccess:
        """How to log in to the run's VMs."""
        from airflow_provider_hads.vm.connection import SshAccess

        if self._ssh_conn_id is None:
            raise HadsError("This task has no SSH connection: it was made without ssh_conn_id.")
        return SshAccess(self._ssh_conn_id, self.ec2.vm_user)

    @cached_property
    def gateway(self) -> VmGateway:
        """The kept connections to the VMs."""
        from airflow_provider_hads.vm.gateway import VmGateway

        return VmGateway(self.ssh_access)

    def runner_config(self, slots: int, memory: float) -> RunnerConfig:
        """Return what a VM's runner is told.

        :param slots: tasks at once.
        :param memory: the VM's, MB.
        """
        region, endpoint = vm_view_of_aws(self._aws_conn_id, self.ec2.region)
        return RunnerConfig(self.layout.run, self.run.bucket, region, endpoint, slots, memory)

    def close(self) -> None:
        """Close the connections to VMs."""
        self.gateway.close()

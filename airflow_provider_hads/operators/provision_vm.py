"""The operator that provisions one VM for a hand-written DAG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.configuration import conf

from airflow_provider_hads.operators.run_of_task import airflow_run, bucket_name, told_plainly

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.runtime.blocks.provisioning import VmWish
    from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["ProvisionVmOperator"]


class ProvisionVmOperator(BaseOperator):
    """
    Launch one VM and wait until it can take Docker tasks.

    A VM is known by its run and its name: whatever is tried again finds the VM that lives, and only launches
    one where none does. A spot VM hibernates when EC2 interrupts it, where its type and image can. One that
    does not come up within ``boot_timeout`` is ended. Every VM powers itself off at the end of its lease,
    and its spot request ends then; end VMs before with a
    :class:`~airflow_provider_hads.operators.terminate_fleet.TerminateFleetOperator` as teardown.

    It returns a small JSON-able description of the VM, which the other operators take as ``vm``.

    :param vm_name: name of the VM within the run. (templated)
    :param instance_type: EC2's name of the type. (templated)
    :param market: ``spot`` or ``on-demand``. (templated)
    :param slots: tasks at once; None is one a vCPU.
    :param lease: seconds from its readiness after which the VM ends itself. (templated)
    :param boot_timeout: seconds from the launch until its runner must answer. (templated)
    :param image_id: the AMI; None takes ``[hads] image_id``. (templated)
    :param instance_profile: gives the VM access to the bucket; None takes ``[hads] instance_profile``.
        (templated)
    :param bucket: holds the tasks' files and results; None takes ``[hads] bucket``. (templated)
    :param vm_user: who logs in; created where the image has none of that name.
    :param region: overrides the connection's. (templated)
    :param zone: availability zone; None leaves it to EC2. (templated)
    :param subnet_id: subnet to launch in. (templated)
    :param security_group: id of a security group that lets SSH in. (templated)
    :param aws_conn_id: connection for EC2 and S3. (templated)
    :param ssh_conn_id: connection with the private key for the VM. (templated)
    :param deferrable: wait in the triggerer.
    :param poll_interval: seconds between two looks there.
    """

    template_fields: Sequence[str] = (
        "vm_name",
        "instance_type",
        "market",
        "lease",
        "boot_timeout",
        "image_id",
        "instance_profile",
        "bucket",
        "region",
        "zone",
        "subnet_id",
        "security_group",
        "aws_conn_id",
        "ssh_conn_id",
    )
    ui_color = "#f0e0e8"

    def __init__(
        self,
        *,
        vm_name: str,
        instance_type: str,
        market: str = "spot",
        slots: int | None = None,
        lease: float | str = 3600.0,
        boot_timeout: float | str = 300.0,
        image_id: str | None = None,
        instance_profile: str | None = None,
        bucket: str | None = None,
        vm_user: str = "ubuntu",
        region: str | None = None,
        zone: str | None = None,
        subnet_id: str | None = None,
        security_group: str | None = None,
        aws_conn_id: str | None = "aws_default",
        ssh_conn_id: str = "ssh_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 3.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vm_name = vm_name
        self.instance_type = instance_type
        self.market = market
        self.slots = slots
        self.lease = lease
        self.boot_timeout = boot_timeout
        self.image_id = image_id
        self.instance_profile = instance_profile
        self.bucket = bucket
        self.vm_user = vm_user
        self.region = region
        self.zone = zone
        self.subnet_id = subnet_id
        self.security_group = security_group
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval

    def execute(self, context: Context) -> dict[str, Any]:
        """Launch the VM or find it, and wait for it here or in the triggerer."""
        from airflow_provider_hads.runtime.blocks.provisioning import launch

        until = timezone.utcnow() + timedelta(seconds=float(self.boot_timeout))
        with told_plainly():
            wish = self._wish()
            toolbox = self._new_run(context)
            vm = launch(toolbox, wish)
        if self.deferrable:
            self._defer(vm, until)
        return self._make_ready(toolbox, vm, until)

    def execute_complete(self, context: Context, event: Mapping[str, Any], vm: Any, until: str) -> Any:
        """Go on with a VM whose SSH answers; say why with one whose does not."""
        from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
        from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

        handle = VmHandle.from_xcom(vm)
        self.log.info("%s (%s): %s", handle.vm_id, handle.instance_id, event["outcome"])
        toolbox = Toolbox.of(handle, self.aws_conn_id, self.ssh_conn_id)
        # The wait has left the boot time-out to its end where it was in vain.
        return self._make_ready(toolbox, handle, datetime.fromisoformat(until) + timedelta(seconds=10))

    def _new_run(self, context: Context) -> Toolbox:
        from airflow_provider_hads.model.settings import Ec2Settings
        from airflow_provider_hads.runtime.blocks.identity import claim_run
        from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
        from airflow_provider_hads.storage.bucket import Bucket

        ec2 = Ec2Settings(
            region=self.region,
            zone=self.zone,
            image_id=self.image_id,
            security_vpc_group=self.security_group,
            subnet_id=self.subnet_id,
            vm_user=self.vm_user,
            instance_profile=self.instance_profile,
        )
        bucket = Bucket.connect(self.aws_conn_id, bucket_name(self.bucket), self.region)
        return Toolbox(claim_run(bucket, airflow_run(context)), self.aws_conn_id, self.ssh_conn_id, ec2)

    def _wish(self) -> VmWish:
        """Check what was given.

        :raises InputError: it is not right.
        """
        from airflow_provider_hads.exceptions import InputError
        from airflow_provider_hads.model.environment import Market
        from airflow_provider_hads.model.identifiers import is_safe_name
        from airflow_provider_hads.runtime.blocks.provisioning import VmWish

        markets = [market.value for market in Market]
        if self.market not in markets:
            raise InputError("task", "market", f"{self.market!r} is none: give {' or '.join(markets)}")
        if not is_safe_name(self.vm_name):
            problem = f"{self.vm_name!r} is not right: give 1 to 64 letters, digits, '_', '.' and '-'"
            raise InputError("task", "vm_name", problem)
        return VmWish(
            self.vm_name, self.instance_type, Market(self.market), self.slots, self._lease_until(booting=True)
        )

    def _lease_until(self, *, booting: bool = False) -> datetime:
        more = float(self.boot_timeout) if booting else 0.0
        return timezone.utcnow() + timedelta(seconds=float(self.lease) + more)

    def _defer(self, vm: VmHandle, until: datetime) -> None:
        from airflow_provider_hads.triggers.vm_ready import VmReadyTrigger

        self.defer(
            trigger=VmReadyTrigger(
                vm.to_xcom(), self.aws_conn_id, until.timestamp(), poll_interval=self.poll_interval
            ),
            method_name="execute_complete",
            kwargs={"vm": vm.to_xcom(), "until": until.isoformat()},
            timeout=timedelta(seconds=float(self.boot_timeout) + 60),
        )

    def _make_ready(self, toolbox: Toolbox, vm: VmHandle, until: datetime) -> dict[str, Any]:
        from airflow_provider_hads.exceptions import HostKeyMismatch, VmError
        from airflow_provider_hads.runtime.blocks.provisioning import give_up, make_ready

        with told_plainly():
            try:
                make_ready(toolbox, vm, until, self._lease_until())
            except HostKeyMismatch:
                raise
            except VmError as error:
                raise give_up(toolbox, vm, error) from error
            finally:
                toolbox.close()
        self.log.info("%s (%s) is ready; tasks at once: %d", vm.vm_id, vm.instance_id, vm.slots)
        return vm.to_xcom()

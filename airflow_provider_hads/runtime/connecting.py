"""A run's fleet, and AWS as its VMs see it, by the connections that a task was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.settings import Ec2Settings

if TYPE_CHECKING:
    from airflow_provider_hads.cloud.fleet import Ec2Fleet
    from airflow_provider_hads.vm.connection import SshAccess

__all__ = ["connect_fleet", "vm_view_of_aws"]


def connect_fleet(
    aws_conn_id: str | None, run: RunIdentity, ec2: Ec2Settings, access: SshAccess | None
) -> Ec2Fleet:
    """Return a run's VMs as the cloud sees them.

    :param access: whose key is to open the VMs that are launched; None for a task that launches none.
    :raises CloudError: the connection gives no region.
    :raises PrivateKeyError: there is no private key, or it can't be read.
    """
    from airflow_provider_hads.cloud.fleet import Ec2Fleet
    from airflow_provider_hads.cloud.requests import CloudDefaults
    from airflow_provider_hads.vm.client_key import public_key

    configuration = read_configuration()
    defaults = CloudDefaults(
        image_id=configuration.image_id or None, instance_profile=configuration.instance_profile or None
    )
    keys = [public_key(access)] if access is not None else []
    pause = configuration.ending_pause
    return Ec2Fleet.connect(aws_conn_id, run, ec2, defaults, authorized_keys=keys, ending_pause=pause)


def vm_view_of_aws(aws_conn_id: str | None, region: str | None) -> tuple[str, str | None]:
    """Return the region, and the address of S3 as VMs reach it where that is not AWS's own.

    :param region: overrides the connection's.
    :raises HadsError: there is no region.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook: Any = AwsBaseHook(aws_conn_id=aws_conn_id, region_name=region)
    endpoint = hook.conn_config.extra_config.get("vm_endpoint_url")
    found = hook.region_name or hook.get_session().region_name
    if not found:
        raise HadsError(
            f"AWS connection {aws_conn_id!r} names no region: set its extra "
            "'region_name', or region in section [ec2] of setup.cfg"
        )
    return found, endpoint

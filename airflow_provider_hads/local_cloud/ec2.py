"""Puts the local cloud's EC2 in the place of moto's, and looks into it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import moto.ec2.models.instances
import moto.ec2.urls
import moto.ec2.utils
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from airflow_provider_hads.local_cloud.backend import LocalEc2Backend
from airflow_provider_hads.local_cloud.capacity import CapacityBook
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.lifecycle import Lifecycle
from airflow_provider_hads.local_cloud.prices import PriceTable
from airflow_provider_hads.local_cloud.responses import LocalEc2Response

__all__ = ["INSTANCE_PROFILE", "LocalEc2"]

INSTANCE_PROFILE = "hads-vm"
HOME_REGION = "us-east-1"
_TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "ec2.amazonaws.com"}}]}'
)
_MORE_FILTERS = {
    "client-token": "client_token",
    "instance-lifecycle": "lifecycle",
    "spot-instance-request-id": "spot_instance_request_id",
}


class LocalEc2:
    """The EC2 of one local cloud, over all regions. There can be one in a process.

    :param lock: held by every EC2 call and by every change in the background.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        prices: PriceTable,
        capacity: CapacityBook,
        image_id: str,
        lock: threading.RLock,
    ) -> None:
        self.lock = lock
        names = {"lifecycle": lifecycle, "prices": prices, "capacity": capacity, "image_id": image_id}
        _install(names)
        # A region's backend takes a second to make: not in the first call.
        self.home = ec2_backends[DEFAULT_ACCOUNT_ID][HOME_REGION]

    def machine_at(self, address: str) -> VmInstance | None:
        """Return the instance that has this address now."""
        found = (backend.machine_at(address) for backend in self._backends())
        return next((machine for machine in found if machine is not None), None)

    def machines(self) -> list[VmInstance]:
        """Return all instances ever launched."""
        return [machine for backend in self._backends() for machine in backend.machines()]

    def _backends(self) -> Iterator[LocalEc2Backend]:
        for _account, _region, backend in ec2_backends.iter_backends():
            if isinstance(backend, LocalEc2Backend):
                yield backend


def _install(names: dict[str, Any]) -> None:
    """Before the first request: moto makes backends lazily, and looks all of these names up.

    :param names: attributes of every region's backend.
    """
    ec2_backends.backend = type("BoundEc2Backend", (LocalEc2Backend,), names)
    moto_globals: Any = moto.ec2.models.instances
    moto_globals.Instance = VmInstance
    moto.ec2.urls.url_paths["{0}/"] = LocalEc2Response.dispatch
    moto.ec2.utils.filter_dict_attribute_mapping.update(_MORE_FILTERS)
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_role(INSTANCE_PROFILE, _TRUST, "/", None, "", [], "3600")
    iam.create_instance_profile(INSTANCE_PROFILE, "/", [])
    iam.add_role_to_instance_profile(INSTANCE_PROFILE, INSTANCE_PROFILE)

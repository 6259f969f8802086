"""moto's EC2 backend with real machines, spot requests of RunInstances and idempotent launches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import moto.ec2.urls
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Reservation

from airflow_provider_hads.local_cloud.capacity import CapacityBook
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.lifecycle import Lifecycle
from airflow_provider_hads.local_cloud.price_history import spot_price_in
from airflow_provider_hads.local_cloud.prices import SPOT, PriceTable
from airflow_provider_hads.local_cloud.spot import LaunchArguments, SpotRequest, SpotTerms

__all__ = ["Launch", "LocalEc2Backend", "machines_of"]


@dataclass(frozen=True)
class Launch:
    """A RunInstances call that was carried out, for when it is repeated.

    :param digest: of its parameters.
    """

    digest: str
    reservation: Reservation


class LocalEc2Backend(EC2Backend):
    """The EC2 of the local cloud; one per region. All calls are made under the cloud's lock."""

    lifecycle: Lifecycle
    prices: PriceTable
    capacity: CapacityBook
    image_id: str

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.launches: dict[str, Launch] = {}
        self.amis[self.image_id] = self._make_image(self.image_id)
        self._arguments: dict[str, LaunchArguments] = {}
        # Long enough ago that every launch of this cloud's is at the present prices.
        self.prices_since = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)

    @property
    def _url_module(self) -> Any:
        return moto.ec2.urls

    def _make_image(self, image_id: str) -> Ami:
        return Ami(
            self,
            image_id,
            name="hads-vm",
            description="A VM of the local cloud: sshd, Docker, Python 3",
            virtualization_type="hvm",
            architecture="x86_64",
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name="/dev/sda1",
            region_name=f"{self.region_name}a",
        )

    def run_instances(
        self, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
    ) -> Reservation:
        """Check the image and type as EC2 does, then let moto make the records."""
        self.describe_images(ami_ids=[image_id])
        if kwargs["instance_type"] not in INSTANCE_TYPES:
            problem = f"Invalid value '{kwargs['instance_type']}' for InstanceType."
            raise EC2ClientError("InvalidParameterValue", problem)
        tags: dict[str, dict[str, str]] = kwargs.get("tags", {})
        profile = kwargs.get("iam_instance_profile_name") or kwargs.get("iam_instance_profile_arn")
        arguments = LaunchArguments(
            image_id, user_data, security_group_names, dict(kwargs), tags, _profile_name(profile)
        )
        reservation = super().run_instances(image_id, count, user_data, security_group_names, **kwargs)
        self._arguments[reservation.id] = arguments
        return reservation

    def bring_up(self, reservation: Reservation, terms: SpotTerms | None) -> None:
        """Tag, name and boot what :meth:`run_instances` has just recorded.

        :param terms: None for on-demand.
        """
        arguments = self._arguments.pop(reservation.id)
        for instance in machines_of(reservation):
            self._complete(instance, arguments)
            if terms is not None:
                request = SpotRequest(self, terms, arguments, instance)
                requests: dict[str, Any] = self.spot_instance_requests
                requests[request.id] = request
            self.lifecycle.boot(instance)

    def _complete(self, instance: VmInstance, arguments: LaunchArguments) -> None:
        instance.profile_name = arguments.profile_name
        instance.price = self._price(instance)
        for interface in instance.nics.values():
            interface.add_tags(arguments.tags.get("network-interface", {}))

    def _price(self, instance: VmInstance) -> float | None:
        if instance.market == SPOT:
            return spot_price_in(self.prices, instance.instance_type, instance.placement.zone or "")
        return self.prices.price(instance.instance_type, instance.market)

    def launch_again(self, request: SpotRequest) -> bool:
        """Launch the next instance of a persistent request, unless it has been closed meanwhile.

        EC2 does not document that it has the tags of the first one, so here it has none.

        :return: whether the matter is settled; False where there is no capacity now.
        """
        if request.state != "open" or request.expired(datetime.now(timezone.utc)):
            return True
        if not self.capacity.has(request.instance_type, SPOT):
            request.hold()
            return False
        again = replace(request.arguments, tags={})
        options = {**again.options, "client_token": "", "tags": again.tags}
        reservation = super().run_instances(
            again.image_id, 1, again.user_data, again.security_groups, **options
        )
        for instance in machines_of(reservation):
            self._complete(instance, again)
            if again.profile_name:
                self.associate_iam_instance_profile(instance.id, iam_instance_profile_name=again.profile_name)
            request.fulfil(instance)
            self.lifecycle.boot(instance)
        return True

    def machines(self) -> list[VmInstance]:
        """Return all instances ever launched, in the order of their launch."""
        return [machine for reservation in self.reservations.values() for machine in machines_of(reservation)]

    def machine_at(self, address: str) -> VmInstance | None:
        """Return the instance that has this address now."""
        alive = (machine for machine in self.machines() if machine.state != "terminated")
        return next((machine for machine in alive if machine.address == address), None)

    def spot_request_of(self, instance: VmInstance) -> SpotRequest | None:
        """Return the spot request an instance was launched for."""
        requests: Mapping[str, Any] = self.spot_instance_requests
        request = requests.get(instance.spot_instance_request_id or "")
        return request if isinstance(request, SpotRequest) else None

    def describe_spot_instance_requests(
        self, filters: Any = None, spot_instance_ids: list[str] | None = None
    ) -> list[Any]:
        """Describe requests, with those past their ValidUntil cancelled."""
        self._check_request_ids(spot_instance_ids or [])
        now = datetime.now(timezone.utc)
        requests: Mapping[str, Any] = self.spot_instance_requests
        for request in requests.values():
            request.expired(now)
        return super().describe_spot_instance_requests(filters, spot_instance_ids)

    def cancel_spot_instance_requests(self, request_ids: list[str]) -> list[Any]:
        """Cancel requests; running instances stay, stopped (hibernated) ones are terminated."""
        self._check_request_ids(request_ids)
        requests: Mapping[str, Any] = self.spot_instance_requests
        for request_id in request_ids:
            request = requests[request_id]
            request.cancel()
            instance = self.get_instance_by_id(request.instance_id) if request.instance_id else None
            if instance is not None and instance.state in ("stopping", "stopped"):
                instance.terminate()
        return [requests[request_id] for request_id in request_ids]

    def _check_request_ids(self, request_ids: list[str]) -> None:
        for request_id in request_ids:
            if request_id not in self.spot_instance_requests:
                problem = f"The spot instance request ID '{request_id}' does not exist"
                raise EC2ClientError("InvalidSpotInstanceRequestID.NotFound", problem)


def machines_of(reservation: Reservation) -> list[VmInstance]:
    """Return a reservation's instances."""
    return [instance for instance in reservation.instances if isinstance(instance, VmInstance)]


def _profile_name(name_or_arn: Any) -> str | None:
    return str(name_or_arn).rpartition("/")[2] if name_or_arn else None

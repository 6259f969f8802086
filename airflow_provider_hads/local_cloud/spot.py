"""Spot instance requests with EC2's states and status codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import random_spot_request_id

from airflow_provider_hads.local_cloud.instance import VmInstance

__all__ = ["LaunchArguments", "SpotRequest", "SpotTerms"]

_MESSAGES = {
    "pending-evaluation": "Your Spot request has been submitted for review, and is pending evaluation.",
    "fulfilled": "Your spot request is fulfilled.",
    "marked-for-stop": "Your Spot instance is marked for stopping.",
    "marked-for-termination": "Your Spot instance is marked for termination.",
    "instance-stopped-by-user": "Your Spot instance was stopped by a user, or from within.",
    "instance-stopped-no-capacity": "Your Spot instance was stopped because there is no capacity for it now.",
    "instance-terminated-no-capacity": "Your Spot instance was terminated: there is no capacity for it now.",
    "instance-terminated-by-service": "Your Spot instance was terminated from a stopped state.",
    "capacity-not-available": "There is no capacity for your Spot request now.",
    "instance-terminated-by-user": "Spot Instance terminated due to user-initiated termination.",
    "request-canceled-and-instance-running": "You canceled your Spot request while your instance is running.",
    "canceled-before-fulfillment": "Your Spot request is canceled before it was fulfilled.",
    "schedule-expired": "Your Spot request is expired because its validity period is over.",
}


@dataclass(frozen=True)
class LaunchArguments:
    """What RunInstances was called with, so that a persistent request can launch again."""

    image_id: str
    user_data: Any
    security_groups: list[str]
    options: dict[str, Any]
    tags: dict[str, dict[str, str]]
    profile_name: str | None


@dataclass(frozen=True)
class SpotTerms:
    """SpotOptions of RunInstances.

    :param valid_until: a persistent request launches nothing after that.
    """

    persistent: bool = False
    interruption_behavior: str = "terminate"
    valid_until: datetime | None = None
    max_price: str | None = None


class SpotRequest(TaggedEC2Resource):
    """One spot instance request.

    :param arguments: how its instances are launched.
    :param instance: the first one.
    """

    def __init__(
        self, ec2_backend: Any, terms: SpotTerms, arguments: LaunchArguments, instance: VmInstance
    ) -> None:
        super().__init__()
        self.ec2_backend = ec2_backend
        self.id = random_spot_request_id()
        self.terms = terms
        self.arguments = arguments
        self.create_time = datetime.now(timezone.utc)
        self.add_tags(arguments.tags.get("spot-instances-request", {}))
        self.fulfil(instance)

    def fulfil(self, instance: VmInstance) -> None:
        """Note the instance that was launched for the request."""
        self.instance_id: str | None = instance.id
        self.launched_availability_zone = instance.availability_zone
        self.instance_type = instance.instance_type
        instance.spot_instance_request_id = self.id
        self._set("active", "fulfilled")

    def cancel(self) -> None:
        """Cancel; an instance that runs goes on running."""
        if self.state == "open":
            self._set("cancelled", "canceled-before-fulfillment")
        elif self.state == "active":
            self._set("cancelled", "request-canceled-and-instance-running")
        elif self.state == "disabled":
            self._set("cancelled", "instance-terminated-by-service")

    def mark(self, stops: bool) -> None:
        """Note that EC2 is going to interrupt the instance.

        :param stops: it stops or hibernates it; else it terminates it.
        """
        if self.state == "active":
            self._set("active", "marked-for-stop" if stops else "marked-for-termination")

    def instance_stopped(self, by_user: bool) -> None:
        """Note that the instance is stopped or hibernated."""
        if self.state == "active":
            code = "instance-stopped-by-user" if by_user else "instance-stopped-no-capacity"
            self._set("disabled", code)

    def instance_started(self) -> None:
        """Note that the instance comes back."""
        if self.state == "disabled":
            self._set("active", "fulfilled")

    @property
    def stopped_by_service(self) -> bool:
        """Whether EC2 has stopped or hibernated the instance: only EC2 starts it again then."""
        return self.state == "disabled" and self.status["Code"] == "instance-stopped-no-capacity"

    def hold(self) -> None:
        """Note that there is no capacity for an open request."""
        if self.state == "open":
            self._set("open", "capacity-not-available")

    def instance_ended(self, now: datetime, interrupted: bool) -> bool:
        """Note that the instance is gone.

        :param interrupted: EC2 took it; else the user did, or it ended itself.
        :return: whether the request wants another one.
        """
        code = "instance-terminated-no-capacity" if interrupted else "instance-terminated-by-user"
        if self.state == "cancelled":
            if self.status["Code"] != "instance-terminated-by-service":
                self._set("cancelled", code)
            return False
        if self.state not in ("active", "disabled"):
            return False
        if not self.terms.persistent:
            self._set("closed", code)
            return False
        self.instance_id = None
        self._set("open", code if interrupted else "pending-evaluation")
        return not self.expired(now)

    def expired(self, now: datetime) -> bool:
        """Cancel an open request that is past its ValidUntil; say whether it may launch nothing more."""
        over = self.terms.valid_until is not None and now >= self.terms.valid_until
        if over and self.state == "open":
            self._set("cancelled", "schedule-expired")
        return over

    def _set(self, state: str, code: str) -> None:
        self.state = state
        self.status = {"Code": code, "Message": _MESSAGES[code], "UpdateTime": datetime.now(timezone.utc)}

    @property
    def spot_instance_request_id(self) -> str:
        """The id, by the name under which answers look for it."""
        return self.id

    @property
    def type(self) -> str:
        """``persistent`` or ``one-time``."""
        return "persistent" if self.terms.persistent else "one-time"

    @property
    def valid_until(self) -> datetime | None:
        """When a persistent request ends."""
        return self.terms.valid_until

    @property
    def spot_price(self) -> str | None:
        """The highest price the user pays, if there is one."""
        return self.terms.max_price

    @property
    def instance_interruption_behavior(self) -> str:
        """``terminate``, ``stop`` or ``hibernate``."""
        return self.terms.interruption_behavior

    @property
    def product_description(self) -> str:
        """All machines here run Linux."""
        return "Linux/UNIX"

    @property
    def launch_specification(self) -> dict[str, Any]:
        """The part of the launch that EC2 repeats here."""
        return {"ImageId": self.arguments.image_id, "InstanceType": self.instance_type}

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """Return what a filter of DescribeSpotInstanceRequests compares with."""
        values: dict[str, Any] = {
            "instance-id": self.instance_id or "",
            "launch.image-id": self.arguments.image_id,
            "launch.instance-type": self.instance_type,
            "spot-instance-request-id": self.id,
            "state": self.state,
            "status-code": self.status["Code"],
            "type": self.type,
        }
        if filter_name in values:
            return values[filter_name]
        return super().get_filter_value(filter_name, method_name or "DescribeSpotInstanceRequests")

"""What tests take for left of a run on the local cloud."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import nothing_is_left, open_spot_requests

RUN = "12_0"
TAGS = [{"Key": "hads:job", "Value": RUN}, {"Key": "hads:vm", "Value": "vm-0"}]


@dataclass
class _Pages:
    """The answers to one operation, for EC2 gives no more than some instances at once."""

    pages: list[dict[str, Any]]

    def paginate(self) -> list[dict[str, Any]]:
        return self.pages


@dataclass
class OneVm:
    """A cloud with one spot VM, as far as tests look at it.

    :param state: of its spot request.
    :param running: ids of containers.
    """

    state: str = "cancelled"
    running: tuple[str, ...] = ()
    instances: list[dict[str, Any]] = field(
        default_factory=lambda: [{"InstanceId": "i-1", "SpotInstanceRequestId": "sir-1", "Tags": TAGS}]
    )

    def client(self, service: str) -> OneVm:
        assert service == "ec2"
        return self

    def containers(self) -> list[str]:
        return list(self.running)

    def get_paginator(self, operation: str) -> _Pages:
        if operation == "describe_instances":
            return _Pages([{"Reservations": [{"Instances": [one]}]} for one in self.instances])
        assert operation == "describe_spot_instance_requests"
        return _Pages([self.describe_spot_instance_requests()])

    def describe_spot_instance_requests(self, **request: Any) -> dict[str, Any]:
        states = [one["Values"] for one in request.get("Filters", ()) if one["Name"] == "state"]
        found = {"SpotInstanceRequestId": "sir-1", "State": self.state, "Tags": TAGS}
        return {"SpotInstanceRequests": [found] if all(self.state in one for one in states) else []}


def local_cloud(**parts: Any) -> LocalCloud:
    return cast(LocalCloud, OneVm(**parts))


@pytest.mark.parametrize("state", ["open", "active", "disabled"])
def test_a_spot_request_that_may_launch_or_resume_is_left(state: str) -> None:
    cloud = local_cloud(state=state)

    assert open_spot_requests(cloud, RUN) == ["sir-1"]
    assert not nothing_is_left(cloud, RUN)


@pytest.mark.parametrize("state", ["cancelled", "closed", "failed"])
def test_a_spot_request_that_is_over_is_not_left(state: str) -> None:
    assert nothing_is_left(local_cloud(state=state), RUN)


def test_a_container_of_what_a_spot_request_has_launched_anew_is_left() -> None:
    ended = {"InstanceId": "i-1", "SpotInstanceRequestId": "sir-1", "Tags": TAGS}
    follower = {"InstanceId": "i-2", "SpotInstanceRequestId": "sir-1"}

    for instances in ([ended, follower], [follower, ended]):
        assert not nothing_is_left(local_cloud(running=("i-2",), instances=instances), RUN)


def test_a_container_of_the_run_is_left() -> None:
    assert not nothing_is_left(local_cloud(running=("i-1",)), RUN)
    assert nothing_is_left(local_cloud(running=("i-of another run",)), RUN)

"""The end of a run's VMs, against a cloud that launches again, refuses and fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.cloud.descriptions import instance_of
from airflow_provider_hads.cloud.termination import Ended, end_all, end_instance
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.fleet import Instance

RUN = "uid-1"


@dataclass
class Vm:
    """One VM of the scripted cloud."""

    tagged: bool = True
    state: str = "running"
    request: str | None = None


@dataclass
class ScriptedEc2:
    """EC2's tags, spot requests and refusals, as far as an end of a run meets them.

    :param vms: by id.
    :param requests: states of tagged spot requests by id; an open one launches at each look.
    :param untagged: states of spot requests without tags.
    :param refused: code by id, of what can't be ended.
    :param broken: codes with which the next calls of an operation fail.
    """

    vms: dict[str, Vm] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    untagged: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def get_paginator(self, operation: str) -> ScriptedEc2:
        self.calls.append(operation)
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        (only,) = request["Filters"]
        operation = self.calls[-1]
        self._break(operation)
        if operation == "describe_instances":
            yield {"Reservations": [{"Instances": list(self._found(only))}]}
        else:
            yield {"SpotInstanceRequests": list(self._found_requests(only))}

    def _found(self, only: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for key, vm in self.vms.items():
            if vm.request in only["Values"] or (vm.tagged and RUN in only["Values"]):
                entry = {"InstanceId": key, "State": {"Name": vm.state}}
                yield {**entry, "SpotInstanceRequestId": vm.request} if vm.request else entry

    def _found_requests(self, only: dict[str, Any]) -> Iterator[dict[str, Any]]:
        tagged = only["Name"] == "tag:hads:run"
        found = self.requests if tagged else self.requests | self.untagged
        for key, state in found.items():
            if tagged or key in only["Values"]:
                yield {"SpotInstanceRequestId": key, "State": state}

    def cancel_spot_instance_requests(self, **request: Sequence[str]) -> None:
        self.calls.append("cancel_spot_instance_requests")
        self._refuse(request["SpotInstanceRequestIds"], "cancel_spot_instance_requests")
        for key in request["SpotInstanceRequestIds"]:
            known = self.requests if key in self.requests else self.untagged
            known[key] = "cancelled"

    def terminate_instances(self, **request: Sequence[str]) -> None:
        self.calls.append("terminate_instances")
        self._refuse(request["InstanceIds"], "terminate_instances")
        for key in request["InstanceIds"]:
            self.vms[key].state = "shutting-down"

    def _refuse(self, ids: Sequence[str], operation: str) -> None:
        self._break(operation)
        for key in ids:
            if key in self.refused:
                raise ClientError({"Error": {"Code": self.refused[key], "Message": key}}, operation)

    def _break(self, operation: str) -> None:
        if self.broken.get(operation):
            code = self.broken[operation].pop(0)
            raise ClientError({"Error": {"Code": code, "Message": "broken"}}, operation)


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.during: dict[float, Any] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in [moment for moment in self.during if moment <= self.now]:
            self.during.pop(moment)()


def end(cloud: ScriptedEc2, clock: Clock | None = None) -> Ended:
    clock = clock or Clock()
    return end_all(cloud, RUN, clock=clock, sleep=clock.sleep)


def alive(cloud: ScriptedEc2) -> list[str]:
    return [key for key, vm in cloud.vms.items() if vm.state not in ("shutting-down", "terminated")]


def test_nothing_to_end_takes_two_looks_ten_seconds_apart() -> None:
    clock = Clock()

    assert end(ScriptedEc2(), clock) == Ended((), ())
    assert clock.now == 10.0


def test_spot_requests_are_cancelled_before_vms_are_terminated() -> None:
    cloud = ScriptedEc2({"i-1": Vm(request="sir-1"), "i-2": Vm()}, {"sir-1": "active"})

    assert end(cloud) == Ended(("i-1", "i-2"), ("sir-1",))
    assert cloud.calls.index("cancel_spot_instance_requests") < cloud.calls.index("terminate_instances")
    assert alive(cloud) == []


@pytest.mark.parametrize("state", ["open", "active", "disabled", "some-new-state"])
def test_a_request_that_may_still_launch_is_cancelled(state: str) -> None:
    assert end(ScriptedEc2(requests={"sir-1": state})) == Ended((), ("sir-1",))


@pytest.mark.parametrize("state", ["cancelled", "closed", "failed"])
def test_a_request_that_is_over_is_left(state: str) -> None:
    assert end(ScriptedEc2(requests={"sir-1": state})) == Ended((), ())


def test_a_vm_that_a_request_launched_again_without_tags_is_found_by_the_request() -> None:
    cloud = ScriptedEc2({"i-1": Vm(tagged=False, request="sir-1")}, {"sir-1": "cancelled"})

    assert end(cloud) == Ended(("i-1",), ())


def test_a_request_without_tags_is_found_by_its_tagged_vm() -> None:
    cloud = ScriptedEc2({"i-1": Vm(request="sir-1", state="terminated")}, untagged={"sir-1": "open"})

    assert end(cloud) == Ended((), ("sir-1",))


def test_what_appears_between_two_looks_is_ended_too() -> None:
    cloud, clock = ScriptedEc2({}, {"sir-1": "cancelled"}), Clock()
    clock.during[10.0] = lambda: cloud.vms.update({"i-late": Vm(tagged=False, request="sir-1")})

    assert end(cloud, clock) == Ended(("i-late",), ())
    assert clock.now == 30.0


def test_a_frozen_vm_is_ended_like_any_other() -> None:
    assert end(ScriptedEc2({"i-1": Vm(state="stopped")})).instance_ids == ("i-1",)


def test_one_vm_that_can_not_be_ended_does_not_save_the_others_and_is_named() -> None:
    cloud = ScriptedEc2({"i-1": Vm(), "i-2": Vm(), "i-3": Vm()}, refused={"i-2": "OperationNotPermitted"})

    with pytest.raises(CloudError, match=r"still there: i-2; .*NotPermitted.*termination protection"):
        end(cloud)
    assert alive(cloud) == ["i-2"]


def test_a_vm_that_is_gone_meanwhile_is_no_error() -> None:
    cloud, clock = ScriptedEc2({"i-1": Vm()}, refused={"i-1": "InvalidInstanceID.NotFound"}), Clock()
    clock.during[10.0] = cloud.vms.clear

    assert end(cloud, clock) == Ended((), ())


@pytest.mark.parametrize(
    "operation", ["describe_instances", "describe_spot_instance_requests", "terminate_instances"]
)
def test_a_passing_failure_is_tried_again(operation: str) -> None:
    cloud = ScriptedEc2({"i-1": Vm(request="sir-1")}, {"sir-1": "active"})
    cloud.broken[operation] = ["RequestLimitExceeded"]

    assert end(cloud) == Ended(("i-1",), ("sir-1",))


def test_a_failure_that_stays_is_raised_and_says_where_to_look() -> None:
    cloud, clock = ScriptedEc2(), Clock()
    cloud.broken["describe_instances"] = ["InternalError"] * 1000

    with pytest.raises(CloudError, match=r"could not be seen; .*InternalError.*hads:run = uid-1"):
        end(cloud, clock)
    assert clock.now <= 180.0


def test_a_missing_permission_is_raised_at_once() -> None:
    cloud, clock = ScriptedEc2({"i-1": Vm()}), Clock()
    cloud.broken["terminate_instances"] = ["UnauthorizedOperation"]

    with pytest.raises(CloudError, match=r"still there: i-1; .*iam_policy\.json"):
        end(cloud, clock)
    assert clock.now == 0.0


def test_without_the_permission_to_cancel_vms_are_ended_all_the_same() -> None:
    cloud = ScriptedEc2({"i-1": Vm(request="sir-1")}, {"sir-1": "active"})
    cloud.broken["cancel_spot_instance_requests"] = ["UnauthorizedOperation"] * 1000

    with pytest.raises(CloudError, match="still there: sir-1"):
        end(cloud)
    assert alive(cloud) == []


def test_many_are_ended_in_calls_of_two_hundred() -> None:
    cloud = ScriptedEc2({f"i-{number}": Vm() for number in range(450)})

    assert len(end(cloud).instance_ids) == 450
    assert cloud.calls.count("terminate_instances") == 3


def spot_vm() -> Instance:
    """Return i-1 of request sir-1 as EC2 describes it."""
    launched_at = datetime(2030, 1, 1, tzinfo=timezone.utc)
    entry = {"InstanceId": "i-1", "State": {"Name": "running"}, "LaunchTime": launched_at}
    return instance_of({**entry, "SpotInstanceRequestId": "sir-1"})


def test_one_vm_alone_is_ended_though_its_request_is_gone() -> None:
    cloud = ScriptedEc2({"i-1": Vm()}, refused={"sir-1": "InvalidSpotInstanceRequestID.NotFound"})

    end_instance(cloud, spot_vm())

    assert alive(cloud) == []


def test_one_vm_alone_that_is_gone_meanwhile_is_no_error() -> None:
    cloud = ScriptedEc2({}, {"sir-1": "active"}, refused={"i-1": "InvalidInstanceID.NotFound"})

    end_instance(cloud, spot_vm())

    assert cloud.requests == {"sir-1": "cancelled"}


def test_one_vm_alone_is_left_where_its_request_can_not_be_cancelled() -> None:
    """EC2 would launch it again."""
    cloud = ScriptedEc2({"i-1": Vm()}, refused={"sir-1": "InternalError"})

    with pytest.raises(CloudError, match="CancelSpotInstanceRequests for sir-1: InternalError"):
        end_instance(cloud, spot_vm())
    assert alive(cloud) == ["i-1"]


def test_one_vm_alone_is_ended_with_its_request_first() -> None:
    cloud = ScriptedEc2({"i-1": Vm(request="sir-1"), "i-2": Vm()}, {"sir-1": "active"})

    end_instance(cloud, spot_vm())

    assert cloud.calls == ["cancel_spot_instance_requests", "terminate_instances"]
    assert alive(cloud) == ["i-2"]
    assert cloud.requests == {"sir-1": "cancelled"}

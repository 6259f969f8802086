"""What a persistent spot request launches anew, without tags, is seen as the VM that was there before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_hads.cloud.fleet import Ec2Fleet
from airflow_provider_hads.cloud.requests import CloudDefaults
from airflow_provider_hads.model import RunIdentity
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.settings import Ec2Settings
from airflow_provider_hads.runtime.observing import newest_by_vm

RUN = RunIdentity("12", 0, "uid-1", "results")
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
BY_TAG, BY_REQUEST = "tag:hads:run", "spot-instance-request-id"
TAGS = {"hads:run": RUN.uid, "hads:vm": "vm-0", "hads:sequence": "0", "hads:generation": "1"}


def an_entry(instance_id: str, state: str = "running", *, tagged: bool = True, **more: Any) -> dict[str, Any]:
    """Return a spot VM that can hibernate, as EC2 describes it."""
    tags = {**TAGS, "hads:host-key": "ssh-ed25519 AAAA"} if tagged else {}
    return {
        "InstanceId": instance_id,
        "InstanceLifecycle": "spot",
        "SpotInstanceRequestId": "sir-1",
        "State": {"Name": state},
        "LaunchTime": NOW,
        "HibernationOptions": {"Configured": True},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        **more,
    }


ENDED = an_entry("i-1", "terminated")
FOLLOWER = an_entry("i-2", "pending", tagged=False, LaunchTime=NOW + timedelta(seconds=60))


class Ec2:
    """EC2's instances, found by one filter; it writes down by which."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = entries
        self.looks: list[tuple[str, list[str]]] = []

    def get_paginator(self, operation: str) -> Ec2:
        assert operation == "describe_instances"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        (only,) = request["Filters"]
        self.looks.append((only["Name"], only["Values"]))
        yield {"Reservations": [{"Instances": [one for one in self.entries if self._fits(one, only)]}]}

    @staticmethod
    def _fits(entry: dict[str, Any], only: dict[str, Any]) -> bool:
        if only["Name"] == BY_REQUEST:
            return entry.get("SpotInstanceRequestId") in only["Values"]
        return {"Key": "hads:run", "Value": only["Values"][0]} in entry["Tags"]

    def cancel_spot_instance_requests(self, **request: Any) -> None:
        """Do nothing."""

    def terminate_instances(self, **request: Any) -> None:
        """Do nothing."""


def fleet(ec2: Ec2) -> Ec2Fleet:
    return Ec2Fleet(ec2, RUN, Ec2Settings(), CloudDefaults("ami-1"), [])


def ids(found: tuple[Instance, ...]) -> list[str]:
    return [vm.instance_id for vm in found]


def test_a_vm_that_a_request_has_launched_without_tags_is_the_one_that_was_there_before() -> None:
    first, second = fleet(Ec2(ENDED, FOLLOWER)).describe()

    assert (first.instance_id, second.instance_id) == ("i-1", "i-2")
    assert (second.vm_id, second.sequence, second.generation) == ("vm-0", 0, 1)
    assert second.host_key == first.host_key == "ssh-ed25519 AAAA"
    assert second.state is InstanceState.PENDING
    assert newest_by_vm([first, second])["vm-0"] is second


def test_as_long_as_a_request_has_a_vm_one_call_is_enough() -> None:
    for state in ("pending", "running", "stopping", "stopped"):
        ec2 = Ec2(an_entry("i-1", state))

        assert ids(fleet(ec2).describe()) == ["i-1"]
        assert ec2.looks == [(BY_TAG, [RUN.uid])]


def test_it_is_enough_where_ec2_has_given_the_follower_its_tags() -> None:
    ec2 = Ec2(ENDED, an_entry("i-2"))

    assert ids(fleet(ec2).describe()) == ["i-1", "i-2"]
    assert len(ec2.looks) == 1


def test_it_is_enough_for_vms_that_are_never_launched_anew() -> None:
    one_time = an_entry("i-1", "terminated", HibernationOptions={"Configured": False})
    on_demand = an_entry("i-2", "terminated", SpotInstanceRequestId="")
    ec2 = Ec2(one_time, on_demand)

    assert len(fleet(ec2).describe()) == 2
    assert len(ec2.looks) == 1


def test_requests_without_a_vm_are_asked_about_in_one_more_call() -> None:
    ended = [an_entry(f"i-{n}", "terminated", SpotInstanceRequestId=f"sir-{n}") for n in range(200)]
    ec2 = Ec2(*ended, an_entry("i-living", SpotInstanceRequestId="sir-living"))

    assert len(fleet(ec2).describe()) == 201
    assert [name for name, _ in ec2.looks] == [BY_TAG, BY_REQUEST]
    assert sorted(ec2.looks[1][1]) == sorted(f"sir-{n}" for n in range(200))


def test_a_request_is_remembered_when_ec2_shows_its_first_vm_no_more() -> None:
    ec2 = Ec2(an_entry("i-1"))
    looking = fleet(ec2)
    looking.describe()
    ec2.entries = (FOLLOWER,)

    (found,) = looking.describe()

    assert (found.instance_id, found.vm_id) == ("i-2", "vm-0")


def test_a_request_whose_vm_was_ended_on_purpose_is_not_asked_about() -> None:
    ec2 = Ec2(an_entry("i-1"))
    looking = fleet(ec2)
    looking.end(looking.describe()[0])
    ec2.entries, ec2.looks = (ENDED,), []

    assert ids(looking.describe()) == ["i-1"]
    assert ec2.looks == [(BY_TAG, [RUN.uid])]

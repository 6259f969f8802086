"""Spot requests of the local cloud behave as EC2's."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import (
    connection,
    describe,
    eventually,
    launch,
    new_host_key,
    user_data,
    wait_for_state,
)

pytestmark = pytest.mark.docker

TAGS = [{"Key": "run", "Value": "spot"}]


def spot(cloud: LocalCloud, options: dict[str, Any], **parameters: Any) -> str:
    """Launch a tagged spot VM; return its id."""
    return launch(
        cloud,
        InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options},
        TagSpecifications=[
            {"ResourceType": kind, "Tags": TAGS} for kind in ("instance", "spot-instances-request")
        ],
        **parameters,
    )


def request_of(cloud: LocalCloud, instance: dict[str, Any]) -> dict[str, Any]:
    """The spot request of an instance."""
    ids = [instance["SpotInstanceRequestId"]]
    answer = cloud.client("ec2").describe_spot_instance_requests(SpotInstanceRequestIds=ids)
    return dict(answer["SpotInstanceRequests"][0])


def successor(cloud: LocalCloud, ended: str) -> str | None:
    """The instance, if any, that the ended one's request has launched since."""
    instance_id = request_of(cloud, describe(cloud, ended)).get("InstanceId")
    return None if instance_id == ended else instance_id


PERSISTENT = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "hibernate"}


def test_a_spot_request_is_found_by_tag_and_tells_its_instance(cloud: LocalCloud) -> None:
    vm = spot(cloud, PERSISTENT)
    filters = [{"Name": "tag:run", "Values": ["spot"]}, {"Name": "state", "Values": ["active"]}]

    found = cloud.client("ec2").describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]

    assert [request["InstanceId"] for request in found] == [vm]
    assert found[0]["Status"]["Code"] == "fulfilled"
    assert (found[0]["Type"], found[0]["InstanceInterruptionBehavior"]) == ("persistent", "hibernate")
    assert describe(cloud, vm)["InstanceLifecycle"] == "spot"


def test_a_one_time_request_closes_with_its_instance(cloud: LocalCloud) -> None:
    vm = spot(cloud, {})

    cloud.client("ec2").terminate_instances(InstanceIds=[vm])

    request = request_of(cloud, wait_for_state(cloud, vm, "terminated"))
    assert (request["State"], request["Status"]["Code"]) == ("closed", "instance-terminated-by-user")


def test_a_persistent_request_launches_again_with_the_same_user_data_and_without_tags(
    cloud: LocalCloud,
) -> None:
    host_key = new_host_key()
    vm = spot(cloud, PERSISTENT, UserData=user_data(cloud, host_key))
    with connection(cloud, vm, host_key[1]) as ssh:
        ssh.exec_command("sudo -n shutdown -h now")

    follower = eventually(lambda: successor(cloud, vm))

    with connection(cloud, follower, host_key[1]):
        assert describe(cloud, follower).get("Tags", []) == []
    assert describe(cloud, follower).get("ClientToken", "") == ""
    assert (
        wait_for_state(cloud, vm, "terminated")["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    )


def test_cancelling_keeps_the_request_and_the_instance_but_launches_nothing_more(cloud: LocalCloud) -> None:
    vm = spot(cloud, PERSISTENT)
    instance = wait_for_state(cloud, vm, "running")
    ec2 = cloud.client("ec2")

    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[instance["SpotInstanceRequestId"]])
    running = request_of(cloud, instance)
    assert describe(cloud, vm)["State"]["Name"] == "running"
    ec2.terminate_instances(InstanceIds=[vm])
    wait_for_state(cloud, vm, "terminated")

    assert running["Status"]["Code"] == "request-canceled-and-instance-running"
    assert request_of(cloud, instance)["State"] == "cancelled"
    assert cloud.containers() == []


def test_cancelling_terminates_a_stopped_instance(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    stop = {"InstanceInitiatedShutdownBehavior": "stop"}
    vm = spot(cloud, PERSISTENT, UserData=user_data(cloud, host_key), **stop)
    with connection(cloud, vm, host_key[1]) as ssh:
        ssh.exec_command("sudo -n poweroff")
    request_id = wait_for_state(cloud, vm, "stopped")["SpotInstanceRequestId"]

    cloud.client("ec2").cancel_spot_instance_requests(SpotInstanceRequestIds=[request_id])

    wait_for_state(cloud, vm, "terminated")
    assert successor(cloud, vm) is None


def test_a_persistent_request_launches_nothing_past_its_valid_until(cloud: LocalCloud) -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=2)
    vm = spot(cloud, {**PERSISTENT, "ValidUntil": until})
    instance = wait_for_state(cloud, vm, "running")
    eventually(lambda: datetime.now(timezone.utc) > until)

    cloud.client("ec2").terminate_instances(InstanceIds=[vm])
    wait_for_state(cloud, vm, "terminated")

    request = eventually(lambda: _cancelled(request_of(cloud, instance)))
    assert request["Status"]["Code"] == "schedule-expired"


def _cancelled(request: dict[str, Any]) -> dict[str, Any] | None:
    return request if request["State"] == "cancelled" else None


def test_hibernation_needs_a_persistent_request(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="persistent"):
        spot(cloud, {"InstanceInterruptionBehavior": "hibernate"})


def test_an_unknown_request_is_an_error(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"InvalidSpotInstanceRequestID\.NotFound"):
        cloud.client("ec2").cancel_spot_instance_requests(SpotInstanceRequestIds=["sir-00000000"])

"""EC2's description of a VM as ours."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_hads.cloud.descriptions import UNKNOWN_NUMBER, instance_of
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.fleet import InstanceState, InterruptionKind

LAUNCHED_AT = datetime(2030, 1, 1, tzinfo=timezone.utc)
BARE: dict[str, Any] = {"InstanceId": "i-1", "State": {"Name": "pending"}, "LaunchTime": LAUNCHED_AT}


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": f"hads:{name.replace('_', '-')}", "Value": value} for name, value in tags.items()]


def test_a_hibernated_spot_vm() -> None:
    instance = instance_of(
        {
            **BARE,
            "InstanceType": "m5.large",
            "InstanceLifecycle": "spot",
            "SpotInstanceRequestId": "sir-1",
            "State": {"Name": "stopped"},
            "StateReason": {"Code": "Server.SpotInstanceStop", "Message": "no capacity"},
            "Placement": {"AvailabilityZone": "us-east-1a"},
            "PrivateIpAddress": "10.0.0.1",
            "Tags": tagged(vm="vm-3", sequence="3", generation="1", host_key="ssh-ed25519 AAAA"),
        }
    )

    assert (instance.vm_id, instance.sequence, instance.generation) == ("vm-3", 3, 1)
    assert (instance.market, instance.spot_request_id) == (Market.SPOT, "sir-1")
    assert instance.state is InstanceState.STOPPED
    assert instance.state_reason == "Server.SpotInstanceStop: no capacity"
    assert instance.address == "10.0.0.1"
    assert instance.zone == "us-east-1a"
    assert instance.host_key == "ssh-ed25519 AAAA"


def test_the_public_address_is_preferred() -> None:
    instance = instance_of({**BARE, "PublicIpAddress": "203.0.113.1", "PrivateIpAddress": "10.0.0.1"})

    assert instance.address == "203.0.113.1"


def test_missing_tags_are_no_error_and_match_no_order() -> None:
    instance = instance_of(BARE)

    assert (instance.vm_id, instance.host_key, instance.address) == ("", "", None)
    assert instance.sequence == instance.generation == UNKNOWN_NUMBER
    assert instance.market is Market.ON_DEMAND


def test_a_number_that_is_none_is_taken_as_missing() -> None:
    assert instance_of({**BARE, "Tags": tagged(sequence="x")}).sequence == UNKNOWN_NUMBER


def test_ec2_tells_when_a_vm_ended() -> None:
    told = "User initiated (2030-01-01 00:10:05 GMT)"
    ended = {**BARE, "State": {"Name": "terminated"}, "StateTransitionReason": told}

    assert instance_of(ended).ended_at == datetime(2030, 1, 1, 0, 10, 5, tzinfo=timezone.utc)


def test_ec2_tells_when_a_vm_was_stopped_and_when_it_was_last_started() -> None:
    told = "Service initiated (2030-01-01 00:10:05 GMT)"
    stopped = {**BARE, "State": {"Name": "stopping"}, "StateTransitionReason": told}

    assert instance_of(stopped).stopped_at == datetime(2030, 1, 1, 0, 10, 5, tzinfo=timezone.utc)
    assert instance_of(stopped).started_at == BARE["LaunchTime"]
    assert instance_of({**stopped, "State": {"Name": "running"}}).stopped_at is None


def test_what_it_does_not_tell_is_not_made_up() -> None:
    stopped = {**BARE, "State": {"Name": "stopped"}, "StateTransitionReason": "(2030-01-01 00:10:05 GMT)"}
    reason = "Server.SpotInstanceTermination"
    silent = {**BARE, "State": {"Name": "terminated"}, "StateTransitionReason": reason}

    assert instance_of(stopped).ended_at is None
    assert instance_of(silent).ended_at is None


SPOT_STOP = {"Code": "Server.SpotInstanceShutdown", "Message": "no capacity"}
SPOT_END = {"Code": "Server.SpotInstanceTermination", "Message": "no capacity"}
BY_USER = {"Code": "Client.UserInitiatedShutdown", "Message": "User initiated shutdown"}
HIBERNATED = {"Code": "Client.UserInitiatedHibernate", "Message": "User initiated hibernate"}


@pytest.mark.parametrize(
    ("state", "reason", "configured", "interruption"),
    [
        ("running", {}, True, None),
        ("stopping", SPOT_STOP, True, InterruptionKind.HIBERNATE),
        ("stopped", SPOT_STOP, True, InterruptionKind.HIBERNATE),
        ("stopped", SPOT_STOP, False, InterruptionKind.STOP),
        ("stopped", HIBERNATED, True, InterruptionKind.HIBERNATE),
        ("stopped", BY_USER, True, None),
        ("shutting-down", SPOT_END, True, InterruptionKind.TERMINATE),
        ("terminated", BY_USER, True, None),
    ],
)
def test_how_ec2_has_interrupted_a_vm(
    state: str, reason: dict[str, str], configured: bool, interruption: InterruptionKind | None
) -> None:
    hibernation = {"Configured": configured}
    entry = {**BARE, "State": {"Name": state}, "StateReason": reason, "HibernationOptions": hibernation}

    assert instance_of(entry).interruption is interruption


def test_a_resumed_vm_was_launched_when_its_network_interface_was_attached() -> None:
    attached = {"DeviceIndex": 0, "AttachTime": LAUNCHED_AT - timedelta(hours=1)}

    resumed = instance_of({**BARE, "NetworkInterfaces": [{"Attachment": attached}]})

    assert resumed.launched_at == LAUNCHED_AT - timedelta(hours=1)

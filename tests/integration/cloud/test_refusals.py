"""What a launch does when EC2 refuses, by botocore's own stand-in for the service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from airflow_provider_hads.cloud.fleet import Ec2Fleet
from airflow_provider_hads.cloud.requests import CloudDefaults
from airflow_provider_hads.exceptions import CapacityError, CloudError, QuotaError
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings

RUN = RunIdentity("12", 0, "uid-1", "results")
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
NONE: dict[str, Any] = {"Reservations": []}


def an_order(market: Market = Market.ON_DEMAND) -> LaunchOrder:
    return LaunchOrder(RUN, "vm-0", 0, 0, "m5.large", 8192.0, market, False, NOW)


def found(instance_id: str = "i-1") -> dict[str, Any]:
    instance = {"InstanceId": instance_id, "State": {"Name": "pending"}, "LaunchTime": NOW}
    return {"Reservations": [{"Instances": [instance]}]}


class Cloud:
    """A fleet before a scripted EC2, and the seconds it has waited."""

    def __init__(self, client: Any, stubber: Stubber) -> None:
        self.answers = stubber
        self.waited = 0.0
        self.fleet = Ec2Fleet(
            client,
            RUN,
            Ec2Settings(),
            CloudDefaults("ami-1"),
            ["ssh-ed25519 BBBB"],
            clock=lambda: self.waited,
            sleep=self._wait,
        )

    def _wait(self, seconds: float) -> None:
        self.waited += seconds


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield Cloud(client, stubber)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InsufficientInstanceCapacity", CapacityError),
        ("SpotMaxPriceTooLow", CapacityError),
        ("Unsupported", CapacityError),
        ("VcpuLimitExceeded", QuotaError),
        ("MaxSpotInstanceCountExceeded", QuotaError),
        ("UnauthorizedOperation", CloudError),
        ("InvalidAMIID.NotFound", CloudError),
        ("RequestLimitExceeded", CloudError),
    ],
)
def test_a_refused_launch_says_which_vm_and_does_not_wait(
    cloud: Cloud, code: str, kind: type[CloudError]
) -> None:
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_client_error("run_instances", code, "no")

    with pytest.raises(kind, match=rf"RunInstances for vm-0 \(m5.large, on-demand\): {code}: no"):
        cloud.fleet.launch(an_order())
    assert cloud.waited == 0


def test_a_vm_that_an_earlier_try_launched_unseen_is_waited_for_and_adopted(cloud: Cloud) -> None:
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_client_error("run_instances", "IdempotentParameterMismatch")
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_response("describe_instances", found())

    launched = cloud.fleet.launch(an_order())

    assert (launched.instance_id, launched.adopted) == ("i-1", True)
    assert 0 < cloud.waited <= 30


def test_a_vm_that_has_ended_already_is_not_waited_for_for_ever(cloud: Cloud) -> None:
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_client_error("run_instances", "IdempotentParameterMismatch")
    for _ in range(20):
        cloud.answers.add_response("describe_instances", NONE)

    with pytest.raises(CloudError, match="launched before and has ended since"):
        cloud.fleet.launch(an_order())
    assert cloud.waited == 30


def expect_facts(cloud: Cloud) -> None:
    cloud.answers.add_response("describe_instances", NONE)
    facts = {"InstanceType": "m5.large", "HibernationSupported": True, "MemoryInfo": {"SizeInMiB": 8192}}
    cloud.answers.add_response("describe_instance_types", {"InstanceTypes": [facts]})
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}
    image = {"ImageId": "ami-1", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [mapping]}
    cloud.answers.add_response("describe_images", {"Images": [image]})


def test_an_image_that_cannot_hibernate_is_launched_without(cloud: Cloud) -> None:
    expect_facts(cloud)
    cloud.answers.add_client_error("run_instances", "UnsupportedHibernationConfiguration", "not this AMI")
    cloud.answers.add_response("run_instances", {"Instances": [{"InstanceId": "i-2"}]})

    launched = cloud.fleet.launch(an_order(Market.SPOT))

    assert (launched.instance_id, launched.hibernation) == ("i-2", False)
    assert "UnsupportedHibernationConfiguration: not this AMI" in launched.note


def test_what_ec2_says_of_types_and_images_is_asked_once(cloud: Cloud) -> None:
    expect_facts(cloud)
    cloud.answers.add_response("run_instances", {"Instances": [{"InstanceId": "i-1"}]})
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_response("run_instances", {"Instances": [{"InstanceId": "i-2"}]})

    assert cloud.fleet.launch(an_order(Market.SPOT)).hibernation
    assert cloud.fleet.launch(an_order(Market.SPOT)).hibernation


def test_without_permission_to_ask_about_types_a_spot_vm_is_launched_without_hibernation(
    cloud: Cloud,
) -> None:
    cloud.answers.add_response("describe_instances", NONE)
    cloud.answers.add_client_error("describe_instance_types", "UnauthorizedOperation")
    cloud.answers.add_response("run_instances", {"Instances": [{"InstanceId": "i-1"}]})

    launched = cloud.fleet.launch(an_order(Market.SPOT))

    assert not launched.hibernation
    assert "DescribeInstanceTypes: UnauthorizedOperation" in launched.note

"""What EC2 says about instance types and images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from airflow_provider_hads.cloud.instance_types import ImageFacts, TypeFacts, describe_image, describe_types
from airflow_provider_hads.exceptions import CloudError


@pytest.fixture
def ec2() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield client, stubber


def described(name: str, **more: Any) -> dict[str, Any]:
    return {
        "InstanceType": name,
        "HibernationSupported": True,
        "VCpuInfo": {"DefaultVCpus": 2},
        "MemoryInfo": {"SizeInMiB": 8192},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        **more,
    }


def test_all_types_are_described_with_one_call_and_unknown_ones_left_out(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    only = [{"Name": "instance-type", "Values": ["m5.large", "x9.none"]}]
    stubber.add_response(
        "describe_instance_types", {"InstanceTypes": [described("m5.large")]}, {"Filters": only}
    )

    facts = describe_types(client, ["x9.none", "m5.large", "m5.large"])

    assert facts == {"m5.large": TypeFacts("m5.large", 2, 8192.0, True, ("x86_64",))}


def test_bare_metal_does_not_hibernate(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    stubber.add_response(
        "describe_instance_types", {"InstanceTypes": [described("m5.metal", BareMetal=True)]}
    )

    assert describe_types(client, ["m5.metal"])["m5.metal"].hibernation is False


@pytest.mark.parametrize(
    ("image", "facts"),
    [
        (
            {
                "RootDeviceName": "/dev/sda1",
                "Architecture": "arm64",
                "BlockDeviceMappings": [
                    {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 100}},
                    {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 12}},
                ],
            },
            ImageFacts("ami-1", "/dev/sda1", 12, "arm64"),
        ),
        ({}, ImageFacts("ami-1", "", 0, "")),
        ({"RootDeviceName": "/dev/sda1"}, ImageFacts("ami-1", "/dev/sda1", 0, "")),
    ],
)
def test_an_image_s_root_volume(ec2: tuple[Any, Stubber], image: dict[str, Any], facts: ImageFacts) -> None:
    client, stubber = ec2
    stubber.add_response("describe_images", {"Images": [{"ImageId": "ami-1", **image}]})

    assert describe_image(client, "ami-1") == facts


def test_an_image_that_is_not_listed(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    stubber.add_response("describe_images", {"Images": []})

    assert describe_image(client, "ami-1") is None


def test_an_image_that_is_not_there(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    stubber.add_client_error("describe_images", "InvalidAMIID.NotFound")

    with pytest.raises(CloudError, match=r"DescribeImages for ami-1: .*check .* image_id"):
        describe_image(client, "ami-1")

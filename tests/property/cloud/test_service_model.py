"""Every request to AWS that the client can make, but for S3, against botocore's own model of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.cloud import instance_types, pricing, requests
from airflow_provider_hads.cloud.hibernation import Interruption, RootVolume
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings
from tests.support.service_models import check, operation, problems

INSTANCE_TYPES = sorted(operation("ec2", "RunInstances").input_shape.members["InstanceType"].metadata["enum"])
SAFE_NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?", fullmatch=True)
UIDS = st.uuids().map(str)
MOMENTS = st.floats(1.8e9, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, timezone.utc))
RUNS = st.builds(RunIdentity, SAFE_NAMES, st.integers(0, 10**6), UIDS, SAFE_NAMES)
ORDERS = st.builds(
    LaunchOrder,
    run=RUNS,
    vm_id=SAFE_NAMES,
    sequence=st.integers(0, 10**6),
    generation=st.integers(0, 1000),
    instance_type=st.sampled_from(INSTANCE_TYPES),
    memory=st.floats(1, 10**8),
    market=st.sampled_from(Market),
    burstable=st.booleans(),
    expires_at=MOMENTS,
)
SECURITY = st.sampled_from(
    [
        {},
        {"security_group": "ssh"},
        {"security_group": "ssh", "security_vpc_group": "default"},
        {"security_vpc_group": "sg-1", "subnet_id": "subnet-1"},
        {"security_group": "sg-1", "security_vpc_group": "sg-2"},
    ]
)


def settings_of(security: dict[str, Any], more: dict[str, Any]) -> Ec2Settings:
    return Ec2Settings(**security, **more)


SETTINGS = st.builds(
    settings_of,
    SECURITY,
    st.fixed_dictionaries(
        {},
        optional={
            "zone": st.just("us-east-1a"),
            "image_id": st.just("ami-1"),
            "key_name": st.just("mine"),
            "instance_profile": st.sampled_from(["hads-vm", "arn:aws:iam::1:instance-profile/hads-vm"]),
            "tag_key": SAFE_NAMES,
            "tag_value": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=256),
        },
    ),
)
INTERRUPTIONS = st.one_of(
    st.builds(Interruption, note=st.text(max_size=20)),
    st.builds(Interruption, st.builds(RootVolume, st.just("/dev/xvda"), st.integers(1, 16384))),
)
DEFAULTS = st.builds(requests.CloudDefaults, st.just("ami-2"), st.none() | st.just("hads-vm"))


@given(ORDERS, SETTINGS, DEFAULTS, INTERRUPTIONS)
def test_every_launch_is_a_request_that_ec2_knows(
    order: LaunchOrder, settings: Ec2Settings, defaults: requests.CloudDefaults, interruption: Interruption
) -> None:
    made = requests.run_instances_request(
        order, settings, defaults, interruption, "#cloud-config", "ssh-ed25519 AAAA"
    )

    check("ec2", "RunInstances", made)
    keeps_rules_of_run_instances(order, made)


def keeps_rules_of_run_instances(order: LaunchOrder, made: dict[str, Any]) -> None:
    """Hold a launch against what EC2's documentation says and its model does not."""
    spot = made.get("InstanceMarketOptions", {}).get("SpotOptions")
    hibernates = made.get("HibernationOptions", {}).get("Configured", False)
    assert (spot is not None) == (order.market is Market.SPOT)
    if spot is not None:
        assert (spot["SpotInstanceType"] == "persistent") == hibernates == ("ValidUntil" in spot)
        assert (spot["InstanceInterruptionBehavior"] == "hibernate") == hibernates
    assert hibernates == ("BlockDeviceMappings" in made)
    assert len(made["ClientToken"]) <= 64
    assert made["ClientToken"].isascii()
    assert not ("SecurityGroups" in made and ("SubnetId" in made or "SecurityGroupIds" in made))
    for entry in made["TagSpecifications"]:
        keys = [tag["Key"] for tag in entry["Tags"]]
        assert len(keys) == len(set(keys)) <= 50
        assert all(len(tag["Key"]) <= 128 and len(tag["Value"]) <= 256 for tag in entry["Tags"])
        assert (entry["ResourceType"] == "spot-instances-request") <= (spot is not None)


@given(UIDS, st.lists(SAFE_NAMES, min_size=1, max_size=200))
def test_every_look_at_a_fleet_is_a_request_that_ec2_knows(uid: str, ids: list[str]) -> None:
    check("ec2", "DescribeInstances", requests.fleet_request(uid))
    check("ec2", "DescribeInstances", requests.token_request(uid))
    check("ec2", "DescribeInstances", requests.instances_of_requests(ids))
    check("ec2", "DescribeSpotInstanceRequests", requests.spot_requests_request(uid))
    check("ec2", "DescribeSpotInstanceRequests", requests.spot_requests_by_id(ids))
    check("ec2", "CancelSpotInstanceRequests", requests.cancel_request(ids))
    check("ec2", "TerminateInstances", requests.terminate_request(ids))


@given(SAFE_NAMES)
def test_every_look_for_what_was_left_is_a_request_that_ec2_knows(volume: str) -> None:
    check("ec2", "DescribeInstances", requests.left_instances_request())
    check("ec2", "DescribeSpotInstanceRequests", requests.left_spot_requests_request())
    check("ec2", "DescribeVolumes", requests.left_volumes_request())
    check("ec2", "DeleteVolume", requests.delete_volume_request(volume))


@given(
    st.lists(st.sampled_from(INSTANCE_TYPES), min_size=1, max_size=20),
    st.none() | st.just("us-east-1a"),
    MOMENTS,
)
def test_every_question_about_types_and_prices_is_a_request_that_aws_knows(
    names: list[str], zone: str | None, now: datetime
) -> None:
    check("ec2", "DescribeInstanceTypes", instance_types.types_request(names))
    check("ec2", "DescribeImages", instance_types.image_request("ami-1"))
    check("ec2", "DescribeSpotPriceHistory", pricing.spot_prices_request(names, zone, now))
    check("pricing", "GetProducts", pricing.on_demand_request(names[0], "us-east-1"))


def test_the_enum_checker_finds_what_botocore_does_not() -> None:
    model = operation("ec2", "RunInstances")
    request = {
        "MinCount": 1,
        "MaxCount": 1,
        "InstanceInitiatedShutdownBehavior": "explode",
        "TagSpecifications": [{"ResourceType": "instances"}],
    }

    assert problems(model, request).splitlines() == [
        ".InstanceInitiatedShutdownBehavior: 'explode'",
        ".TagSpecifications[0].ResourceType: 'instances'",
    ]


def test_the_lease_s_end_goes_over_the_wire_in_the_form_that_ec2_documents() -> None:
    order = LaunchOrder(
        RunIdentity("12", 0, "uid", "bucket"),
        "vm-0",
        0,
        0,
        "m5.large",
        8192.0,
        Market.SPOT,
        False,
        datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    )
    made = requests.run_instances_request(
        order,
        Ec2Settings(image_id="ami-1"),
        requests.CloudDefaults(),
        Interruption(RootVolume("/dev/xvda", 16)),
        "",
        "",
    )

    body = check("ec2", "RunInstances", made)["body"]

    assert body["InstanceMarketOptions.SpotOptions.ValidUntil"] == "2030-01-02T03:04:05Z"


@given(SAFE_NAMES, st.lists(st.text(min_size=1), min_size=1, max_size=requests.MESSAGES_OF_A_CALL))
def test_the_events_queue(name: str, handles: list[str]) -> None:
    url = f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}"

    check("sqs", "GetQueueUrl", requests.queue_url_request(name))
    check("sqs", "ReceiveMessage", requests.receive_messages_request(url, 5))
    check("sqs", "DeleteMessageBatch", requests.delete_messages_request(url, handles))
    check("sqs", "ChangeMessageVisibilityBatch", requests.give_back_messages_request(url, handles))


INSTANCE_IDS = st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)


@given(st.lists(INSTANCE_IDS, min_size=1, max_size=20), MOMENTS)
def test_the_credits_of_burstable_vms(instance_ids: list[str], now: datetime) -> None:
    request = requests.credit_balances_request(instance_ids, now - timedelta(minutes=15), now)

    check("cloudwatch", "GetMetricData", request)
    assert len({query["Id"] for query in request["MetricDataQueries"]}) == len(instance_ids)

"""A run's fleet, through an Airflow connection, on a server that speaks EC2's API."""

from __future__ import annotations

import base64
import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_hads.cloud.clients import ec2_client
from airflow_provider_hads.cloud.fleet import Ec2Fleet
from airflow_provider_hads.cloud.requests import CloudDefaults
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model import Market, RunIdentity, launch_token
from airflow_provider_hads.model.fleet import InstanceState, LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings

CLIENT_KEY = "ssh-ed25519 BBBB airflow"
EXPIRES_AT = datetime.now(timezone.utc) + timedelta(hours=1)


@pytest.fixture
def run() -> RunIdentity:
    return RunIdentity("12", 0, str(uuid4()), "results")


@pytest.fixture
def fleet(aws: str, image_id: str, run: RunIdentity) -> Ec2Fleet:
    return connect(aws, image_id, run)


def connect(aws: str, image_id: str, run: RunIdentity) -> Ec2Fleet:
    client, defaults = ec2_client(aws, None), CloudDefaults(image_id)
    return Ec2Fleet(client, run, Ec2Settings(), defaults, [CLIENT_KEY], sleep=lambda seconds: None)


def an_order(run: RunIdentity, sequence: int = 0, market: Market = Market.ON_DEMAND) -> LaunchOrder:
    vm_id = f"vm-{sequence}"
    return LaunchOrder(run, vm_id, sequence, 0, "t2.micro", 1024.0, market, True, EXPIRES_AT)


def test_a_launched_vm_is_described_with_all_that_the_controller_needs(
    fleet: Ec2Fleet, run: RunIdentity
) -> None:
    launched = fleet.launch(an_order(run, 3))

    (vm,) = fleet.describe()
    assert not launched.adopted
    assert (vm.instance_id, vm.vm_id, vm.sequence, vm.generation) == (launched.instance_id, "vm-3", 3, 0)
    assert (vm.instance_type, vm.market) == ("t2.micro", Market.ON_DEMAND)
    assert vm.host_key.startswith("ssh-ed25519 ")
    assert vm.address is not None
    assert vm.launched_at.tzinfo is not None


def test_launching_tells_its_story(
    fleet: Ec2Fleet, run: RunIdentity, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="airflow_provider_hads"):
        launched = fleet.launch(an_order(run))

    assert f"Launched vm-0 as {launched.instance_id} (t2.micro, on-demand)" in caplog.messages


def test_the_same_order_is_launched_once_whoever_asks(aws: str, image_id: str, run: RunIdentity) -> None:
    first = connect(aws, image_id, run).launch(an_order(run))
    second = connect(aws, image_id, run).launch(an_order(run))

    assert second.instance_id == first.instance_id
    assert second.adopted
    assert len(connect(aws, image_id, run).describe()) == 1


def test_another_generation_of_a_vm_is_another_vm(fleet: Ec2Fleet, run: RunIdentity) -> None:
    first = fleet.launch(an_order(run))
    second = fleet.launch(replace(an_order(run), generation=1))

    assert second.instance_id != first.instance_id


def test_a_whole_fleet_takes_one_call(fleet: Ec2Fleet, run: RunIdentity, calls: Counter[str]) -> None:
    for sequence in range(4):
        fleet.launch(an_order(run, sequence))
    calls.clear()

    vms = fleet.describe()

    assert [vm.vm_id for vm in vms] == ["vm-0", "vm-1", "vm-2", "vm-3"]
    assert calls == {"ec2:DescribeInstances": 1}


def test_a_launch_takes_two_calls(fleet: Ec2Fleet, run: RunIdentity, calls: Counter[str]) -> None:
    fleet.launch(an_order(run))

    assert calls == {"ec2:DescribeInstances": 1, "ec2:RunInstances": 1}


def test_what_a_launch_creates_is_tagged(fleet: Ec2Fleet, run: RunIdentity, ec2: Any) -> None:
    launched = fleet.launch(an_order(run))

    (instance,) = ec2.describe_instances(InstanceIds=[launched.instance_id])["Reservations"][0]["Instances"]
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "tag:hads:run", "Values": [run.uid]}])["Volumes"]
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert tags["hads:token"] == launch_token(run.uid, 0, 0)
    assert tags["hads:job"] == "12_0"
    assert volume["Attachments"][0]["InstanceId"] == launched.instance_id


def test_no_credential_of_the_account_reaches_the_vm(fleet: Ec2Fleet, run: RunIdentity, ec2: Any) -> None:
    launched = fleet.launch(an_order(run))

    attribute = ec2.describe_instance_attribute(InstanceId=launched.instance_id, Attribute="userData")
    user_data = base64.b64decode(attribute["UserData"]["Value"]).decode()
    instances = ec2.describe_instances(InstanceIds=[launched.instance_id])
    assert CLIENT_KEY in user_data
    for secret in ("local-key", "local-secret"):
        assert secret not in user_data
        assert secret not in str(instances)


def test_another_run_of_the_same_job_is_not_touched(
    fleet: Ec2Fleet, run: RunIdentity, aws: str, image_id: str
) -> None:
    other_run = replace(run, execution_id=1, uid=str(uuid4()))
    other_fleet = connect(aws, image_id, other_run)
    other_fleet.launch(an_order(other_run))
    fleet.launch(an_order(run))

    fleet.end_all()

    assert [vm.state for vm in other_fleet.describe()] == [InstanceState.RUNNING]


def test_everything_is_ended_and_told(fleet: Ec2Fleet, run: RunIdentity) -> None:
    launched = {fleet.launch(an_order(run, sequence)).instance_id for sequence in range(3)}

    ended = fleet.end_all()

    assert set(ended.instance_ids) == launched
    assert all(vm.state.ended for vm in fleet.describe())
    assert fleet.end_all().instance_ids == ()


def test_one_vm_can_be_ended_alone(fleet: Ec2Fleet, run: RunIdentity) -> None:
    fleet.launch(an_order(run, 0))
    fleet.launch(an_order(run, 1))

    fleet.end(fleet.describe()[0])

    assert [vm.state.ended for vm in fleet.describe()] == [True, False]


def test_a_spot_vm_of_a_type_that_cannot_hibernate_says_so(fleet: Ec2Fleet, run: RunIdentity) -> None:
    order = replace(an_order(run, market=Market.SPOT), instance_type="a1.medium", burstable=False)

    launched = fleet.launch(order)

    assert not launched.hibernation
    assert "an interruption terminates the VM instead of hibernating it" in launched.note
    assert fleet.describe()[0].market is Market.SPOT


def test_a_spot_vm_that_can_hibernate_does(fleet: Ec2Fleet, run: RunIdentity) -> None:
    launched = fleet.launch(
        replace(an_order(run, market=Market.SPOT), instance_type="m5.large", burstable=False)
    )

    assert launched.hibernation
    assert launched.note == ""


def test_a_region_that_nobody_gives_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, run: RunIdentity
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AIRFLOW_CONN_HADS_TEST_AWS", '{"conn_type": "aws", "login": "x", "password": "x"}')

    with pytest.raises(CloudError, match="region"):
        Ec2Fleet.connect("hads_test_aws", run, Ec2Settings(), CloudDefaults())

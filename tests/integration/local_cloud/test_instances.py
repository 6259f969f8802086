"""Instances of the local cloud behave as EC2's: states, tags, tokens, ends, errors."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import (
    connection,
    describe,
    launch,
    new_host_key,
    run,
    user_data,
    wait_for_state,
)

pytestmark = pytest.mark.docker

TAGGED = ("instance", "volume", "network-interface")


def tags(kind: str, **values: str) -> dict[str, Any]:
    """One entry of TagSpecifications."""
    return {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in values.items()]}


def end_of(cloud: LocalCloud, instance_id: str) -> dict[str, Any]:
    """The instance once it is terminated."""
    return wait_for_state(cloud, instance_id, "terminated")


def test_an_instance_runs_until_it_is_terminated(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    vm = launch(cloud)
    running = wait_for_state(cloud, vm, "running")
    assert vm in cloud.containers()

    answer = ec2.terminate_instances(InstanceIds=[vm])["TerminatingInstances"][0]
    ended = end_of(cloud, vm)

    assert running["PublicIpAddress"] == running["PrivateIpAddress"]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "shutting-down")
    assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "PublicIpAddress" not in ended
    assert vm not in cloud.containers()
    assert ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [vm]}])["Volumes"] == []


def test_terminating_a_pending_instance_leaves_nothing(cloud: LocalCloud) -> None:
    vm = launch(cloud)

    cloud.client("ec2").terminate_instances(InstanceIds=[vm])

    end_of(cloud, vm)
    assert vm not in cloud.containers()


def test_everything_of_an_instance_is_found_by_tag(cloud: LocalCloud) -> None:
    specifications = [tags(kind, run="one") for kind in TAGGED]
    vm = launch(cloud, TagSpecifications=specifications)
    launch(cloud, TagSpecifications=[tags(kind, run="other") for kind in TAGGED])
    ec2 = cloud.client("ec2")
    by_tag = {"Filters": [{"Name": "tag:run", "Values": ["one"]}]}

    reservations = ec2.describe_instances(**by_tag)["Reservations"]
    volumes = ec2.describe_volumes(**by_tag)["Volumes"]
    interfaces = ec2.describe_network_interfaces(**by_tag)["NetworkInterfaces"]

    assert [item["InstanceId"] for reservation in reservations for item in reservation["Instances"]] == [vm]
    assert [volume["Attachments"][0]["InstanceId"] for volume in volumes] == [vm]
    assert [interface["Attachment"]["InstanceId"] for interface in interfaces] == [vm]


def test_a_client_token_launches_once(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    first = launch(cloud, ClientToken="once")

    assert launch(cloud, ClientToken="once") == first
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        launch(cloud, ClientToken="once", InstanceType="t2.small")
    found = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["once"]}])["Reservations"]
    assert [item["InstanceId"] for item in found[0]["Instances"]] == [first]


def test_a_vm_that_powers_itself_off_ends(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key))

    with connection(cloud, vm, host_key[1]) as ssh:
        ssh.exec_command("sudo -n shutdown -h now")
        ended = end_of(cloud, vm)

    assert ended["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert vm not in cloud.containers()
    assert "init: powering off" in cloud.client("ec2").get_console_output(InstanceId=vm)["Output"]


def test_a_vm_whose_shutdown_behavior_is_stop_is_stopped(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key), InstanceInitiatedShutdownBehavior="stop")

    with connection(cloud, vm, host_key[1]) as ssh:
        ssh.exec_command("sudo -n poweroff")
        stopped = wait_for_state(cloud, vm, "stopped")

    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert [status.state for status in cloud.vms() if status.instance_id == vm] == ["stopped"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "z9.huge"}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "NoSuchEntity"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_a_launch_that_ec2_refuses_is_refused(cloud: LocalCloud, wrong: dict[str, Any], code: str) -> None:
    before = cloud.bill()

    with pytest.raises(ClientError) as refused:
        launch(cloud, **wrong)

    assert refused.value.response["Error"]["Code"] == code
    assert cloud.bill() == before


def test_what_a_launch_asks_for_is_reflected(cloud: LocalCloud) -> None:
    vm = launch(
        cloud,
        InstanceType="t3.large",
        CreditSpecification={"CpuCredits": "standard"},
        HibernationOptions={"Configured": True},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "Encrypted": True}}],
    )
    ec2 = cloud.client("ec2")
    instance = describe(cloud, vm)
    volume_id = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    terms = ec2.describe_instance_credit_specifications(InstanceIds=[vm])["InstanceCreditSpecifications"]

    assert instance["HibernationOptions"] == {"Configured": True}
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["BlockDeviceMappings"][0]["DeviceName"] == instance["RootDeviceName"]
    assert ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Encrypted"]
    assert terms == [{"InstanceId": vm, "CpuCredits": "standard"}]


def test_instance_types_say_whether_they_hibernate(cloud: LocalCloud) -> None:
    found = cloud.client("ec2").describe_instance_types(InstanceTypes=["c5.large", "c3.large"])[
        "InstanceTypes"
    ]

    assert {item["InstanceType"] for item in found} == {"c5.large", "c3.large"}
    assert all("HibernationSupported" in item for item in found)


def test_the_bill_counts_from_launch_to_termination(cloud: LocalCloud) -> None:
    vm = launch(cloud, InstanceType="c4.large")
    wait_for_state(cloud, vm, "running")
    cloud.client("ec2").terminate_instances(InstanceIds=[vm])
    end_of(cloud, vm)

    item = next(item for item in cloud.bill() if item.instance_id == vm)

    assert item.ended_at is not None
    assert item.seconds == pytest.approx((item.ended_at - item.launched_at).total_seconds())
    assert item.dollars == pytest.approx(item.seconds * 0.1 / 3600)


def test_the_status_of_a_vm_is_its_own(cloud: LocalCloud) -> None:
    vm = launch(cloud, InstanceType="t2.nano", TagSpecifications=[tags("instance", Name="a name")])
    address = wait_for_state(cloud, vm, "running")["PublicIpAddress"]

    status = next(status for status in cloud.vms() if status.instance_id == vm)

    assert (status.name, status.market, status.address) == ("a name", "on-demand", address)
    assert 0 < status.age < 60


def test_a_user_hibernates_an_instance_and_starts_it_again(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    more = {"UserData": user_data(cloud, host_key), "HibernationOptions": {"Configured": True}}
    vm = launch(cloud, **more)
    ec2 = cloud.client("ec2")
    with connection(cloud, vm, host_key[1]) as ssh:
        run(ssh, "sudo -n touch /run/in-memory")
    launched_at = describe(cloud, vm)["LaunchTime"]

    (answer,) = ec2.stop_instances(InstanceIds=[vm], Hibernate=True)["StoppingInstances"]
    stopped = wait_for_state(cloud, vm, "stopped")
    ec2.start_instances(InstanceIds=[vm])

    with connection(cloud, vm, host_key[1]) as ssh:
        assert run(ssh, "ls /run/in-memory") == "/run/in-memory\n"
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "stopping")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedHibernate"
    assert describe(cloud, vm)["LaunchTime"] >= launched_at


def test_what_can_not_hibernate_or_start_is_refused(cloud: LocalCloud) -> None:
    vm = launch(cloud)
    wait_for_state(cloud, vm, "running")
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "hibernate"}
    spot = launch(cloud, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options})
    wait_for_state(cloud, spot, "running")
    cloud.interrupt(spot)
    ec2 = cloud.client("ec2")

    with pytest.raises(ClientError, match="UnsupportedHibernationConfiguration"):
        ec2.stop_instances(InstanceIds=[vm], Hibernate=True)
    with pytest.raises(ClientError, match="IncorrectSpotRequestState"):
        ec2.start_instances(InstanceIds=[spot])

"""What EC2 is asked for, in each of the ways in which a VM can be bought."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_hads.cloud.hibernation import Interruption, RootVolume
from airflow_provider_hads.cloud.requests import CloudDefaults, run_instances_request
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.model import Market, RunIdentity, launch_token
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings

RUN = RunIdentity("12", 3, "uid-1", "results")
EXPIRES_AT = datetime(2030, 1, 2, 3, 4, 5, 600_000, tzinfo=timezone.utc)
ORDER = LaunchOrder(RUN, "vm-0", 4, 2, "m5.large", 8192.0, Market.ON_DEMAND, False, EXPIRES_AT)
SPOT = replace(ORDER, market=Market.SPOT)
SETTINGS = Ec2Settings(image_id="ami-1")
HIBERNATES = Interruption(RootVolume("/dev/xvda", 16))


def request(
    order: LaunchOrder = ORDER, settings: Ec2Settings = SETTINGS, interruption: Interruption | None = None
) -> dict[str, Any]:
    defaults = CloudDefaults("ami-default", "profile-default")
    return run_instances_request(
        order, settings, defaults, interruption or Interruption(), "#cloud-config", "ssh-ed25519 AAAA"
    )


def tags_by_resource(made: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {
        entry["ResourceType"]: {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
        for entry in made["TagSpecifications"]
    }


def test_an_on_demand_vm_is_bought_once_and_ends_when_it_powers_itself_off() -> None:
    made = request()

    assert (made["MinCount"], made["MaxCount"]) == (1, 1)
    assert made["ClientToken"] == launch_token("uid-1", 2, 4)
    assert made["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert "InstanceMarketOptions" not in made
    assert "HibernationOptions" not in made
    assert "CreditSpecification" not in made


def test_a_vm_is_launched_in_the_zone_that_the_controller_wants() -> None:
    assert request(replace(ORDER, zone="us-east-1b"))["Placement"] == {"AvailabilityZone": "us-east-1b"}
    assert "Placement" not in request()


def test_a_zone_or_a_subnet_of_the_settings_goes_before_what_the_controller_wants() -> None:
    order = replace(ORDER, zone="us-east-1b")

    made = request(order, replace(SETTINGS, zone="us-east-1a"))
    assert made["Placement"] == {"AvailabilityZone": "us-east-1a"}
    assert "Placement" not in request(order, replace(SETTINGS, subnet_id="subnet-1"))


def test_the_vm_serves_its_metadata_to_itself_only() -> None:
    options = request()["MetadataOptions"]

    assert options == {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_a_burstable_vm_gets_standard_credits() -> None:
    made = request(replace(ORDER, instance_type="t3.micro", burstable=True))

    assert made["CreditSpecification"] == {"CpuCredits": "standard"}


def test_a_spot_vm_that_can_hibernate_has_a_persistent_request_that_ends_with_its_lease() -> None:
    made = request(SPOT, interruption=HIBERNATES)

    assert made["InstanceMarketOptions"]["SpotOptions"] == {
        "SpotInstanceType": "persistent",
        "InstanceInterruptionBehavior": "hibernate",
        "ValidUntil": datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    }
    assert made["HibernationOptions"] == {"Configured": True}


def test_its_encrypted_root_volume_goes_with_it() -> None:
    (mapping,) = request(SPOT, interruption=HIBERNATES)["BlockDeviceMappings"]

    assert mapping["DeviceName"] == "/dev/xvda"
    assert mapping["Ebs"]["VolumeSize"] == 16
    assert mapping["Ebs"]["Encrypted"] is True
    assert mapping["Ebs"]["DeleteOnTermination"] is True


def test_valid_until_is_told_in_utc() -> None:
    brasilia = timezone(timedelta(hours=-3))
    made = request(
        replace(SPOT, expires_at=datetime(2030, 1, 1, 22, tzinfo=brasilia)), interruption=HIBERNATES
    )

    assert (
        made["InstanceMarketOptions"]["SpotOptions"]["ValidUntil"].isoformat() == "2030-01-02T01:00:00+00:00"
    )


def test_a_spot_vm_that_cannot_hibernate_is_bought_once_and_terminated() -> None:
    made = request(SPOT, interruption=Interruption(note="why"))

    options = made["InstanceMarketOptions"]["SpotOptions"]
    assert options == {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    assert "HibernationOptions" not in made
    assert "BlockDeviceMappings" not in made


def test_all_that_a_launch_creates_is_tagged() -> None:
    on_demand, spot = tags_by_resource(request()), tags_by_resource(request(SPOT))

    assert on_demand.keys() == {"instance", "volume", "network-interface"}
    assert spot.keys() == {"instance", "volume", "network-interface", "spot-instances-request"}
    assert spot["volume"] == spot["spot-instances-request"] == on_demand["instance"]
    assert on_demand["instance"] == {
        "Name": "hads 12_3 vm-0",
        "hads:run": "uid-1",
        "hads:job": "12_3",
        "hads:vm": "vm-0",
        "hads:sequence": "4",
        "hads:generation": "2",
        "hads:token": launch_token("uid-1", 2, 4),
        "hads:host-key": "ssh-ed25519 AAAA",
        "hads:expires": "2030-01-02T03:04:05.600000+00:00",
        "hads:bucket": "results",
    }


def test_the_tag_of_setup_cfg_is_added() -> None:
    made = request(settings=replace(SETTINGS, tag_key="project", tag_value="genome"))

    assert tags_by_resource(made)["volume"]["project"] == "genome"


@pytest.mark.parametrize("key", ["hads:run", "HADS:vm", "aws:name"])
def test_a_tag_of_ours_or_of_aws_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=r"ec2\.tag_key: .*reserved"):
        request(settings=replace(SETTINGS, tag_key=key, tag_value="x"))


def test_what_the_job_does_not_say_comes_from_the_airflow_configuration() -> None:
    made = request(settings=Ec2Settings())

    assert made["ImageId"] == "ami-default"
    assert made["IamInstanceProfile"] == {"Name": "profile-default"}


def test_an_instance_profile_may_be_an_arn() -> None:
    arn = "arn:aws:iam::123456789012:instance-profile/hads-vm"

    assert request(settings=replace(SETTINGS, instance_profile=arn))["IamInstanceProfile"] == {"Arn": arn}


def test_without_any_image_nothing_is_asked_for() -> None:
    with pytest.raises(InputError, match=r"setup.cfg: ec2.image_id: .*\[hads\] image_id"):
        run_instances_request(ORDER, Ec2Settings(), CloudDefaults(), Interruption(), "", "")


def test_place_and_access_come_from_setup_cfg() -> None:
    made = request(
        settings=replace(
            SETTINGS, zone="us-east-1b", subnet_id="subnet-1", security_vpc_group="sg-1", key_name="mine"
        )
    )

    assert made["Placement"] == {"AvailabilityZone": "us-east-1b"}
    assert made["SubnetId"] == "subnet-1"
    assert made["SecurityGroupIds"] == ["sg-1"]
    assert made["KeyName"] == "mine"


def test_security_groups_are_told_by_name_or_by_id_as_they_are_given() -> None:
    by_name = request(settings=replace(SETTINGS, security_group="ssh", security_vpc_group="default"))
    by_id = request(settings=replace(SETTINGS, security_group="sg-1", security_vpc_group="sg-2"))

    assert by_name["SecurityGroups"] == ["ssh", "default"]
    assert by_id["SecurityGroupIds"] == ["sg-1", "sg-2"]


def test_a_group_s_name_does_not_go_with_a_subnet() -> None:
    with pytest.raises(InputError, match=r"ec2\.security_group: 'ssh' is a name"):
        request(settings=replace(SETTINGS, security_group="ssh", subnet_id="subnet-1"))

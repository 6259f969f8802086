"""What the local cloud's EC2 launches anew for a persistent spot request, without machines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import moto.ec2.models.instances
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from airflow_provider_hads.local_cloud import control_routes
from airflow_provider_hads.local_cloud.backend import LocalEc2Backend, machines_of
from airflow_provider_hads.local_cloud.capacity import CapacityBook
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.prices import PriceTable
from airflow_provider_hads.local_cloud.spot import SpotTerms

IMAGE_ID = "ami-12345678"
TAGS = {"hads:run": "uid-1", "hads:job": "12_0", "hads:vm": "vm-0", "Name": "hads 12_0 vm-0"}
RESOURCES = ("instance", "volume", "network-interface", "spot-instances-request")


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> LocalEc2Backend:
    """An EC2 whose machines nobody makes."""
    monkeypatch.setattr(moto.ec2.models.instances, "Instance", VmInstance)
    nothing = SimpleNamespace(
        boot=lambda instance: None, events=SimpleNamespace(state_changed=lambda _: None)
    )
    names = {
        "lifecycle": nothing,
        "prices": PriceTable({}),
        "capacity": CapacityBook(),
        "image_id": IMAGE_ID,
    }
    made = type("Ec2WithoutMachines", (LocalEc2Backend,), names)("us-east-1", DEFAULT_ACCOUNT_ID)
    assert isinstance(made, LocalEc2Backend)
    return made


def launch(backend: LocalEc2Backend) -> VmInstance:
    options: dict[str, Any] = {
        "instance_type": "m5.large",
        "is_instance_type_default": False,
        "region_name": "us-east-1",
        "instance_market_options": {"MarketType": "spot"},
        "tags": dict.fromkeys(RESOURCES, TAGS),
    }
    reservation = backend.run_instances(IMAGE_ID, 1, "user data", [], **options)
    backend.bring_up(reservation, SpotTerms(persistent=True, interruption_behavior="hibernate"))
    (instance,) = machines_of(reservation)
    return instance


def follower(backend: LocalEc2Backend, first: VmInstance) -> VmInstance:
    """End an instance, and return what its request launches after it."""
    request = backend.spot_request_of(first)
    assert request is not None
    assert request.instance_ended(first.launched_at, interrupted=True)
    assert backend.launch_again(request)
    assert request.instance_id is not None
    found = backend.get_instance(request.instance_id)
    assert isinstance(found, VmInstance)
    return found


def volumes_of(backend: LocalEc2Backend, instance: VmInstance) -> list[Any]:
    ids = [device.volume_id for _, device in instance.get_block_device_mapping]
    return [backend.get_volume(one) for one in ids]


def tags_of(resource: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in resource.get_tags()}


def test_it_is_launched_without_the_tags_of_the_first_one(backend: LocalEc2Backend) -> None:
    first = launch(backend)
    second = follower(backend, first)

    assert tags_of(first) == TAGS
    assert tags_of(second) == {}
    assert [tags_of(interface) for interface in second.nics.values()] == [{}]
    assert [tags_of(volume) for volume in volumes_of(backend, first)] == [TAGS]
    assert [tags_of(volume) for volume in volumes_of(backend, second)] == [{}]


def test_it_is_found_by_its_request_which_keeps_the_tags(backend: LocalEc2Backend) -> None:
    first = launch(backend)
    second = follower(backend, first)
    request = backend.spot_request_of(second)

    assert request is not None
    assert request is backend.spot_request_of(first)
    assert tags_of(request) == TAGS
    assert second.spot_instance_request_id == first.spot_instance_request_id


def test_the_bill_names_it_by_its_request(backend: LocalEc2Backend) -> None:
    second = follower(backend, launch(backend))

    item = control_routes._bill_item(second, second.launched_at)

    assert (item.run, item.run_name, item.name) == ("uid-1", "12_0", "hads 12_0 vm-0")

"""A run's fleet on the local cloud: spot requests that launch again, lost answers, leases of real VMs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from airflow_provider_hads.cloud.clients import ec2_client
from airflow_provider_hads.cloud.fleet import Ec2Fleet
from airflow_provider_hads.cloud.pricing import refresh_prices
from airflow_provider_hads.cloud.requests import CloudDefaults
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
from airflow_provider_hads.model import Environment, InstanceType, Market, RunIdentity
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings

pytestmark = pytest.mark.docker

CONNECTION = "hads_local_aws"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    state_dir = tmp_path_factory.mktemp("local-cloud") / "state"
    with LocalCloud.start(state_dir, UpOptions(relaunch_seconds=0.2)) as started:
        yield started


@pytest.fixture
def fleet(cloud: LocalCloud, run: RunIdentity, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ec2Fleet]:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    client, defaults, keys = ec2_client(CONNECTION, None), CloudDefaults(cloud.image_id), ["ssh-ed25519 BBBB"]
    made = Ec2Fleet(client, run, Ec2Settings(), defaults, keys, sleep=impatient)
    yield made
    cloud.clear_faults()
    made.end_all()
    assert eventually(lambda: cloud.containers() == [])


@pytest.fixture
def run() -> RunIdentity:
    return RunIdentity("12", 0, str(uuid4()), "results")


def impatient(seconds: float) -> None:
    time.sleep(min(seconds, 1.0))


def an_order(run: RunIdentity, market: Market, lease: float = 3600.0) -> LaunchOrder:
    expires_at = datetime.now(timezone.utc) + timedelta(seconds=lease)
    return LaunchOrder(run, "vm-0", 0, 0, "m5.large", 8192.0, market, False, expires_at)


def eventually(check: Callable[[], bool], within: float = 15.0) -> bool:
    give_up_at = time.monotonic() + within
    while not check() and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return check()


def alive(fleet: Ec2Fleet) -> list[str]:
    return [vm.instance_id for vm in fleet.describe() if not vm.state.ended]


def test_a_launch_whose_answer_is_lost_is_not_repeated(
    cloud: LocalCloud, fleet: Ec2Fleet, run: RunIdentity
) -> None:
    cloud.fault("RunInstances", mode="fail-after", code="InternalError", count=3)
    order = an_order(run, Market.ON_DEMAND)

    with pytest.raises(CloudError, match="RunInstances for vm-0"):
        fleet.launch(order)
    launched = fleet.launch(order)

    assert launched.adopted
    assert alive(fleet) == [launched.instance_id]
    assert eventually(lambda: len(cloud.containers()) == 1)


def test_what_a_spot_request_launches_again_is_ended_with_the_run(
    cloud: LocalCloud, fleet: Ec2Fleet, run: RunIdentity
) -> None:
    first = fleet.launch(an_order(run, Market.SPOT))
    cloud.client("ec2").terminate_instances(InstanceIds=[first.instance_id])
    assert eventually(lambda: alive(fleet) not in ([], [first.instance_id]))
    (second,) = alive(fleet)

    ended = fleet.end_all()

    assert first.hibernation
    assert second in ended.instance_ids
    assert len(ended.spot_request_ids) == 1
    assert eventually(lambda: cloud.containers() == [])
    assert not eventually(lambda: alive(fleet) != [], within=1.0)


def test_a_vm_whose_lease_runs_out_ends_itself_and_is_not_launched_again(
    cloud: LocalCloud, fleet: Ec2Fleet, run: RunIdentity
) -> None:
    fleet.launch(an_order(run, Market.SPOT, lease=4.0))
    assert eventually(lambda: len(alive(fleet)) == 1)

    assert eventually(lambda: alive(fleet) == [], within=30.0)
    assert not eventually(lambda: alive(fleet) != [], within=2.0)


def test_today_s_prices_are_known_for_all_types(cloud: LocalCloud, fleet: Ec2Fleet) -> None:
    stale = {Market.SPOT: 99.0, Market.ON_DEMAND: 99.0}
    limits = dict.fromkeys(stale, 5)
    kind = InstanceType("m5.large", 2, 8192.0, 1.0, stale, limits)
    types = {"m5.large": kind, "t2.micro": replace(kind, name="t2.micro")}

    environment, notes = refresh_prices(
        Environment(types, limits), CONNECTION, None, None, datetime.now(timezone.utc)
    )

    assert notes == ()
    for found in environment.instance_types.values():
        assert 0 < found.price(Market.SPOT) < found.price(Market.ON_DEMAND) < 1

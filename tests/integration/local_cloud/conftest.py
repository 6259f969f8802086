"""One local cloud for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_hads.local_cloud import LocalCloud, UpOptions


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud whose persistent spot requests launch again at once."""
    state_dir = tmp_path_factory.mktemp("local-cloud") / "state"
    with LocalCloud.start(state_dir, UpOptions(relaunch_seconds=0.2)) as cloud:
        yield cloud


@pytest.fixture
def cloud(shared_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The cloud, without faults and VMs of other tests."""
    yield shared_cloud
    shared_cloud.end_hazard()
    shared_cloud.clear_faults()
    ec2 = shared_cloud.client("ec2")
    requests = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    if requests:
        ec2.cancel_spot_instance_requests(
            SpotInstanceRequestIds=[request["SpotInstanceRequestId"] for request in requests]
        )
    if vms := shared_cloud.vms():
        ec2.terminate_instances(InstanceIds=[vm.instance_id for vm in vms])

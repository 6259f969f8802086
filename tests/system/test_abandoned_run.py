"""Everything but the VMs is killed: they end themselves, and nothing is launched again."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import instances_of, nothing_is_left, open_spot_requests
from tests.system.dags_test import DagsTest
from tests.system.waiting import wait_for

pytestmark = pytest.mark.slow

RUN = "251_0"
DEADLINE, MARGIN = 45.0, 10.0


@pytest.fixture(scope="module")
def abandoned(
    tmp_path_factory: pytest.TempPathFactory, dags_test: DagsTest, local_cloud: LocalCloud
) -> list[str]:
    """The ids of two VMs at work, one on-demand and one spot, whose Airflow was killed."""
    folder = write_job_folder(
        tmp_path_factory.mktemp("jobs") / "abandoned",
        {"a": "sleep 600", "b": "sleep 600"},
        [Machine(["a"]), Machine(["b"], "spot")],
        job_id="251",
        deadline=DEADLINE,
    )
    started = dags_test.start_job(folder, {"margin": MARGIN})
    wait_for(
        "both tasks to start",
        lambda: started.ended or {"Task a started", "Task b started"} <= _told(started.output),
        timeout=120,
    )
    assert not started.ended, started.output[-3000:]
    started.kill()
    return [entry["InstanceId"] for entry in instances_of(local_cloud, RUN).values()]


def _told(output: str) -> set[str]:
    return {sentence for sentence in ("Task a started", "Task b started") if sentence in output}


def test_the_vms_end_themselves_when_their_lease_does(abandoned: list[str], local_cloud: LocalCloud) -> None:
    wait_for(
        "the VMs' end",
        lambda: not set(abandoned) & set(local_cloud.containers()),
        timeout=DEADLINE + MARGIN + 15,
    )
    vms = instances_of(local_cloud, RUN).values()

    assert sorted(vm["InstanceId"] for vm in vms) == sorted(abandoned)
    assert {vm["StateReason"]["Code"] for vm in vms} == {"Client.InstanceInitiatedShutdown"}


def test_the_persistent_request_launches_nothing_again(abandoned: list[str], local_cloud: LocalCloud) -> None:
    wait_for("the request's end", lambda: not open_spot_requests(local_cloud, RUN), timeout=DEADLINE + MARGIN)
    request = _spot_request(local_cloud)

    assert request["Type"] == "persistent"
    assert (request["State"], request["Status"]["Code"]) == ("cancelled", "schedule-expired")
    assert len(instances_of(local_cloud, RUN)) == 2
    assert nothing_is_left(local_cloud, RUN)


def _spot_request(cloud: LocalCloud) -> dict[str, Any]:
    filters = [{"Name": "tag:hads:job", "Values": [RUN]}]
    found = cloud.client("ec2").describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    assert len(found) == 1
    return dict(found[0])

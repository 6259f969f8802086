"""What a dead deployment has left is found and ended, by the command and by the scheduled DAG."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import describe, launch, wait_for_state
from tests.system.dags_test import DagsTest


def left_behind(cloud: LocalCloud, lease_left: float) -> str:
    """Launch a VM as a deployment does that nobody knows any more, and return its id."""
    expires = datetime.now(timezone.utc) + timedelta(seconds=lease_left)
    values = {
        "hads:run": uuid4().hex,
        "hads:job": "gone_0",
        "hads:vm": "vm-0",
        "hads:bucket": cloud.bucket,
        "hads:expires": expires.isoformat(),
    }
    tags = [{"Key": key, "Value": value} for key, value in values.items()]
    return launch(cloud, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])


@pytest.fixture
def leased(local_cloud: LocalCloud) -> Iterator[str]:
    """One whose lease is not over."""
    instance_id = left_behind(local_cloud, 600)
    yield instance_id
    local_cloud.client("ec2").terminate_instances(InstanceIds=[instance_id])


def state(cloud: LocalCloud, instance_id: str) -> str:
    return str(describe(cloud, instance_id)["State"]["Name"])


def test_the_command_ends_what_is_overdue_and_nothing_else(
    dags_test: DagsTest, local_cloud: LocalCloud, leased: str
) -> None:
    overdue = left_behind(local_cloud, -5)
    wait_for_state(local_cloud, overdue, "running")

    dry = dags_test.command("hads", "reap", "--dry-run", "--json")
    assert dry.returncode == 2, dry.stderr
    fates = {one["id"]: one["fate"] for one in json.loads(dry.stdout)}
    assert (fates[overdue], fates[leased]) == ("to be ended", "kept")
    assert state(local_cloud, overdue) == "running"

    done = dags_test.command("hads", "reap")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if overdue in line]
    assert "ended  its lease is over for" in line
    assert "its run is not known here" in line
    assert wait_for_state(local_cloud, overdue, "terminated")
    assert state(local_cloud, leased) in ("pending", "running")


def test_so_does_the_scheduled_dag(dags_test: DagsTest, local_cloud: LocalCloud, leased: str) -> None:
    overdue = left_behind(local_cloud, -5)

    result = dags_test.run("hads_reap")

    assert result.exit_code == 0, result.output[-3000:]
    fates = {one["id"]: one["fate"] for one in result.xcom("reap")}
    assert (fates[overdue], fates[leased]) == ("ended", "kept")
    assert wait_for_state(local_cloud, overdue, "terminated")

"""What is left in an account is found by tag and ended, on a moto server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest

from airflow_provider_hads.cloud.clients import ec2_client
from airflow_provider_hads.cloud.leftovers import Kind, end_leftover, find_leftovers
from airflow_provider_hads.runtime.reaping import Fate, reap, run_of
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.executions import claim_execution
from tests.integration.cloud.conftest import REGION, SECRET

BUCKET = "hads-reap"


@pytest.fixture
def bucket(aws: str, endpoint_url: str) -> Bucket:
    keys = {"aws_access_key_id": "local-key", "aws_secret_access_key": SECRET}
    boto3.client("s3", region_name=REGION, endpoint_url=endpoint_url, **keys).create_bucket(Bucket=BUCKET)
    return Bucket.connect(aws, BUCKET, REGION)


def tags(uid: str, expires_in: float) -> list[dict[str, str]]:
    expires = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
    values = {
        "hads:run": uid,
        "hads:job": "12_0",
        "hads:vm": "vm-0",
        "hads:bucket": BUCKET,
        "hads:expires": expires.isoformat(),
    }
    return [{"Key": key, "Value": value} for key, value in values.items()]


def launch(ec2: Any, image_id: str, uid: str, expires_in: float = 600.0) -> str:
    answer = ec2.run_instances(
        ImageId=image_id,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags(uid, expires_in)}],
    )
    return str(answer["Instances"][0]["InstanceId"])


def state(ec2: Any, instance_id: str) -> str:
    answer = ec2.describe_instances(InstanceIds=[instance_id])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


@pytest.fixture
def spare(ec2: Any, image_id: str) -> str:
    """A VM that is nobody's business."""
    answer = ec2.run_instances(ImageId=image_id, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    return str(answer["Instances"][0]["InstanceId"])


def test_a_dead_runs_vm_is_ended_and_a_living_ones_is_not(
    aws: str, ec2: Any, image_id: str, bucket: Bucket, spare: str
) -> None:
    for uid, dag_run in (("dead", "run-1"), ("living", "run-2")):
        claim_execution(bucket, "12", uid, {"dag_id": "sweep", "run_id": dag_run})
    vms = {uid: launch(ec2, image_id, uid, expires_in=-5) for uid in ("dead", "living", "unknown")}
    vms["fresh"] = launch(ec2, image_id, "fresh")
    states = {("sweep", "run-1"): "failed", ("sweep", "run-2"): "running"}
    client = ec2_client(aws, REGION)
    look = run_of(aws, REGION, lambda dag_id, run_id: states.get((dag_id, run_id)))

    def found(*, dry_run: bool) -> dict[str, Fate]:
        now = datetime.now(timezone.utc)
        findings = reap(client, look, now=now, older_than=None, dry_run=dry_run)
        return {finding.leftover.id: finding.fate for finding in findings}

    dry = found(dry_run=True)
    assert dry[vms["dead"]] is Fate.DUE
    assert {state(ec2, vm) for vm in vms.values()} == {"running"}

    ended = found(dry_run=False)
    assert {name: ended[vm] for name, vm in vms.items()} == {
        "dead": Fate.ENDED,
        "living": Fate.KEPT,
        "unknown": Fate.ENDED,
        "fresh": Fate.KEPT,
    }
    assert (state(ec2, vms["dead"]), state(ec2, vms["living"])) == ("terminated", "running")
    assert spare not in ended
    assert state(ec2, spare) == "running"


def test_a_disk_that_stayed_is_found_and_deleted(aws: str, ec2: Any) -> None:
    made = ec2.create_volume(
        AvailabilityZone=f"{REGION}a",
        Size=8,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags("gone", -5)}],
    )
    client = ec2_client(aws, REGION)
    volume = next(one for one in find_leftovers(client) if one.id == made["VolumeId"])

    assert volume.kind is Kind.VOLUME
    end_leftover(client, volume)
    end_leftover(client, volume)  # what is gone already is no error
    assert made["VolumeId"] not in [one.id for one in find_leftovers(client)]

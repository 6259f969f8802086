"""The command and the operator that reap, on a moto server: runs that can't be seen, and runs long dead."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException

from airflow_provider_hads.commands import reap as command
from airflow_provider_hads.operators import ReapOperator
from airflow_provider_hads.operators import reap as operator
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.executions import claim_execution
from airflow_provider_hads.storage.layout import index_key
from tests.integration.cloud.conftest import SECRET

REGION = "eu-west-1"
"""Other tests have what they leave in another one."""

DAY = 86400.0
GONE = "hads-no-such-bucket"
KEYS = {"aws_access_key_id": "local-key", "aws_secret_access_key": SECRET}


class Account:
    """What is in the account, as deployments of old have left it.

    :param aws: id of the Airflow connection.
    """

    def __init__(self, aws: str, endpoint_url: str) -> None:
        self.aws = aws
        options: dict[str, Any] = {"region_name": REGION, "endpoint_url": endpoint_url, **KEYS}
        self._ec2 = boto3.client("ec2", **options)
        self._image_id = self._ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        name = f"hads-reap-{uuid4().hex}"
        constraint: Any = {"LocationConstraint": REGION}
        boto3.client("s3", **options).create_bucket(Bucket=name, CreateBucketConfiguration=constraint)
        self.bucket = Bucket.connect(aws, name, REGION)

    def run(self, dag_run: str) -> str:
        """Let the bucket know a run; return its uid."""
        uid = uuid4().hex
        claim_execution(self.bucket, "12", uid, {"dag_id": "sweep", "run_id": dag_run})
        return uid

    def vm(self, uid: str, lease_left: float, bucket: str = "") -> str:
        """Launch a VM of a run; return its id."""
        values = {
            "hads:run": uid,
            "hads:job": f"12_{uid}",
            "hads:vm": "vm-0",
            "hads:bucket": bucket or self.bucket.name,
            "hads:expires": (datetime.now(timezone.utc) + timedelta(seconds=lease_left)).isoformat(),
        }
        tags: Any = [{"Key": key, "Value": value} for key, value in values.items()]
        answer = self._ec2.run_instances(
            ImageId=self._image_id,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        return str(answer["Instances"][0]["InstanceId"])

    def living(self) -> set[str]:
        """Return the ids of the VMs that have not ended."""
        states = ["pending", "running", "stopping", "stopped"]
        answer = self._ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": states}])
        return {entry["InstanceId"] for group in answer["Reservations"] for entry in group["Instances"]}

    def clear(self) -> None:
        """End all VMs."""
        if living := self.living():
            self._ec2.terminate_instances(InstanceIds=sorted(living))


@pytest.fixture
def account(aws: str, endpoint_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account before an Airflow that calls its one run running."""

    def state_of_run(dag_id: str, run_id: str) -> str | None:
        return {("sweep", "run-1"): "running"}.get((dag_id, run_id))

    for module in (command, operator):
        monkeypatch.setattr(module, "_state_of_run", state_of_run)
    made = Account(aws, endpoint_url)
    yield made
    made.clear()


def reap(account: Account, *, older_than: float | None = None, dry_run: bool = False) -> int:
    """Run the command; return its exit code."""
    args = argparse.Namespace(
        older_than=older_than,
        dry_run=dry_run,
        json=True,
        region=REGION,
        aws_conn_id=account.aws,
        verbose=False,
    )
    try:
        command.reap(args)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def the_operator(account: Account, **settings: Any) -> ReapOperator:
    return ReapOperator(task_id="reap", region=REGION, aws_conn_id=account.aws, **settings)


def test_an_age_ends_no_vm_whose_bucket_can_not_be_read(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    unseen, overdue = (account.vm("dark", lease_left, GONE) for lease_left in (600, -5))

    assert reap(account, older_than=0) == 1

    assert account.living() == {unseen}
    out, err = capsys.readouterr()
    told = {one["id"]: (one["fate"], one["why"]) for one in json.loads(out)}
    assert told[unseen][0] == "kept"
    assert told[unseen][1].startswith("whether its run is alive can't be seen, but it is not overdue: ")
    assert told[overdue][0] == "ended"
    (line,) = err.splitlines()
    assert line.startswith(
        "Run 12_dark: whether it is alive can't be seen, so that what is its own is ended "
    )
    assert GONE in line


def test_a_dry_run_that_can_not_see_a_run_fails_too(account: Account) -> None:
    account.vm("dark", -5, GONE)

    assert reap(account, dry_run=True) == 1


def test_nor_does_an_age_where_the_bucket_speaks_nonsense(account: Account) -> None:
    account.bucket.put(index_key("garbled"), b"{")
    vm = account.vm("garbled", 600)

    assert reap(account, older_than=0) == 1
    assert account.living() == {vm}


def test_an_age_ends_a_vm_whose_bucket_knows_no_such_run(account: Account) -> None:
    account.vm("unheard of", 600)

    assert reap(account, older_than=0) == 0
    assert account.living() == set()


def test_a_run_that_is_called_running_keeps_its_vm_for_a_day_after_the_lease(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    uid = account.run("run-1")
    kept, outlived = account.vm(uid, 60 - DAY), account.vm(uid, -60 - DAY)

    assert reap(account, older_than=0, dry_run=True) == 2
    capsys.readouterr()
    assert reap(account, older_than=0) == 0

    assert account.living() == {kept}
    told = {one["id"]: (one["fate"], one["why"]) for one in json.loads(capsys.readouterr().out)}
    assert told[kept] == ("kept", "its run is running")
    assert told[outlived][0] == "ended"
    assert told[outlived][1].endswith(": its run is running, but a run gives up when its leases end")


def test_the_operator_ends_what_a_run_that_is_called_running_has_outlived(account: Account) -> None:
    uid = account.run("run-1")
    kept, outlived = account.vm(uid, 600), account.vm(uid, -60 - DAY)

    found = the_operator(account, older_than=0).execute({})

    assert {one["id"]: one["fate"] for one in found} == {kept: "kept", outlived: "ended"}
    assert account.living() == {kept}


def test_the_operator_ends_what_is_overdue_and_fails_where_a_run_can_not_be_seen(account: Account) -> None:
    unseen, _ = (account.vm("dark", lease_left, GONE) for lease_left in (600, -5))

    with pytest.raises(AirflowException, match=f"Run 12_dark: whether it is alive can't be seen.*{GONE}"):
        the_operator(account, older_than=0).execute({})

    assert account.living() == {unseen}

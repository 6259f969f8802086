"""Errors on demand, and counting calls."""

from __future__ import annotations

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import launch

pytestmark = pytest.mark.docker

NO_RETRIES = Config(retries={"total_max_attempts": 1})


def test_a_call_that_fails_before_has_done_nothing(cloud: LocalCloud) -> None:
    before = len(cloud.bill())
    cloud.fault("RunInstances", code="InsufficientInstanceCapacity", status=400)

    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        launch(cloud)

    assert len(cloud.bill()) == before
    launch(cloud)


def test_a_call_that_fails_after_is_repeated_by_the_client_and_launches_once(cloud: LocalCloud) -> None:
    before, calls = len(cloud.bill()), cloud.requests("RunInstances")
    cloud.fault("RunInstances", mode="fail-after", code="InternalError", status=500)

    launch(cloud)

    assert cloud.requests("RunInstances") == calls + 2
    assert len(cloud.bill()) == before + 1


def test_a_fault_can_be_for_one_call_among_many(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2", config=NO_RETRIES)
    cloud.fault("DescribeInstances", match="tag%3Arun")

    ec2.describe_instances()
    with pytest.raises(ClientError, match="InternalError"):
        ec2.describe_instances(Filters=[{"Name": "tag:run", "Values": ["one"]}])


def test_a_write_to_the_bucket_can_fail(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3", config=NO_RETRIES)
    cloud.fault("s3:PUT", code="SlowDown", status=503)

    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket=cloud.bucket, Key="fault", Body=b"")

    s3.put_object(Bucket=cloud.bucket, Key="fault", Body=b"")


def test_a_fault_of_an_unknown_mode_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(InputError, match="'sometimes' is neither"):
        cloud.fault("RunInstances", mode="sometimes")

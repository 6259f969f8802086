"""Errors on demand, and counting calls."""

from __future__ import annotations

import socket
from collections import Counter

import paramiko
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_hads.exceptions import CloudError, InputError
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import (
    connection,
    eventually,
    launch,
    new_host_key,
    run,
    user_data,
    wait_for_state,
)

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


def test_a_share_of_the_ec2_calls_is_throttled_and_no_other(cloud: LocalCloud) -> None:
    ec2, s3 = cloud.client("ec2", config=NO_RETRIES), cloud.client("s3", config=NO_RETRIES)
    cloud.fault_rate("throttle", 0.3, seed=5)

    def refused() -> str:
        s3.head_bucket(Bucket=cloud.bucket)
        try:
            ec2.describe_instances()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    answers = Counter(refused() for _ in range(40))
    assert answers.keys() == {"", "RequestLimitExceeded"}
    assert 4 <= answers["RequestLimitExceeded"] <= 20
    cloud.fault_rate("throttle", 0)
    ec2.describe_instances()


def test_a_fault_rate_that_is_no_share_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(CloudError, match="give a share, 0 to 1"):
        cloud.fault_rate("error", 2)
    with pytest.raises(CloudError, match="'explode' is not a valid ApiFault"):
        cloud.fault_rate("explode", 0.5)


def test_a_type_without_capacity_is_not_launched(cloud: LocalCloud) -> None:
    cloud.no_capacity("t2.micro:on-demand")
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}

    with pytest.raises(ClientError, match="InsufficientInstanceCapacity") as refused:
        launch(cloud)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500

    launch(cloud, **spot)
    launch(cloud, InstanceType="t2.nano")
    cloud.no_capacity("t2.micro:on-demand", off=True)
    launch(cloud)


def test_a_persistent_request_waits_for_capacity(cloud: LocalCloud) -> None:
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    vm = launch(cloud, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options})
    request_id = wait_for_state(cloud, vm, "running")["SpotInstanceRequestId"]

    def status() -> str:
        answer = cloud.client("ec2").describe_spot_instance_requests(SpotInstanceRequestIds=[request_id])
        return str(answer["SpotInstanceRequests"][0]["Status"]["Code"])

    cloud.no_capacity("t2.micro:spot")
    cloud.interrupt(vm, "terminate")
    eventually(lambda: status() == "capacity-not-available")
    cloud.no_capacity("t2.micro:spot", off=True)

    eventually(lambda: status() == "fulfilled")


def test_a_vm_refuses_ssh_until_it_may_accept_it(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    cloud.refuse_ssh()
    vm = launch(cloud, UserData=user_data(cloud, host_key))
    address = wait_for_state(cloud, vm, "running")["PublicIpAddress"]

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, 22), timeout=5)

    cloud.accept_ssh()
    with connection(cloud, vm, host_key[1]) as ssh:
        assert run(ssh, "hostname") == f"{vm}\n"


def test_a_vm_shows_another_host_key_from_now_on(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key))
    with connection(cloud, vm, host_key[1]):
        cloud.change_host_key(vm)

    def refused() -> bool:
        try:
            with connection(cloud, vm, host_key[1]):
                return False
        except paramiko.BadHostKeyException:
            return True

    eventually(refused)

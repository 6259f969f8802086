"""Spot VMs of the local cloud are interrupted and come back as EC2's do."""

from __future__ import annotations

import json
import socket
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import paramiko
import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.cloud.event_queue import SqsEvents
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud import LocalCloud
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import InstanceState, InterruptionKind
from tests.support.local_vms import (
    busybox_image,
    connection,
    describe,
    eventually,
    launch,
    new_host_key,
    run,
    user_data,
    wait_for_state,
)

pytestmark = pytest.mark.docker

HOST_KEY = new_host_key()
HIBERNATES = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "hibernate"}
COUNT = "i=0; while :; do i=$((i + 1)); echo $i; /bin/busybox sleep 0.1; done"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def spot(cloud: LocalCloud, options: dict[str, Any] = HIBERNATES, **parameters: Any) -> str:
    """Launch a spot VM and wait until it runs; return its id."""
    market = {"MarketType": "spot", "SpotOptions": options}
    vm = launch(cloud, InstanceMarketOptions=market, UserData=user_data(cloud, HOST_KEY), **parameters)
    wait_for_state(cloud, vm, "running")
    return vm


def request_of(cloud: LocalCloud, vm: str) -> dict[str, Any]:
    """The spot request of a VM."""
    ids = [describe(cloud, vm)["SpotInstanceRequestId"]]
    answer = cloud.client("ec2").describe_spot_instance_requests(SpotInstanceRequestIds=ids)
    return dict(answer["SpotInstanceRequests"][0])


def status_of(cloud: LocalCloud, vm: str) -> tuple[str, str]:
    """State and status code of a VM's spot request."""
    request = request_of(cloud, vm)
    return request["State"], request["Status"]["Code"]


def answers(address: str) -> bool:
    """Whether an SSH server greets at an address."""
    try:
        with socket.create_connection((address, 22), timeout=1) as connected:
            return connected.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.fixture
def counting(cloud: LocalCloud) -> str:
    """A VM with a container that counts."""
    vm = spot(cloud)
    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        eventually(lambda: run(ssh, "sudo -n docker info --format '{{.ServerVersion}}' || true").strip())
        run(ssh, "sudo -n docker import - box", stdin=busybox_image())
        run(ssh, f"sudo -n docker run -d --name counter box /bin/busybox sh -c '{COUNT}'")
        eventually(lambda: count(ssh) > 2)
    return vm


def count(ssh: paramiko.SSHClient) -> int:
    """The number that the container has come to."""
    lines = run(ssh, "sudo -n docker logs counter").split()
    return int(lines[-1]) if lines else 0


def test_a_hibernated_vm_goes_on_where_it_was_at_another_address(cloud: LocalCloud, counting: str) -> None:
    with connection(cloud, counting, HOST_KEY[1]) as ssh:
        boot_id = run(ssh, BOOT_ID)
        before = count(ssh)
    address = describe(cloud, counting)["PublicIpAddress"]
    assert answers(address)

    assert cloud.interrupt(counting) == "hibernate"

    frozen = describe(cloud, counting)
    assert frozen["State"]["Name"] == "stopped"
    assert frozen["StateReason"]["Code"] == "Server.SpotInstanceShutdown"
    assert frozen["StateTransitionReason"].startswith("Service initiated (")
    assert "PublicIpAddress" not in frozen
    assert status_of(cloud, counting) == ("disabled", "instance-stopped-no-capacity")
    assert not answers(address)

    cloud.resume(counting)

    with connection(cloud, counting, HOST_KEY[1]) as ssh:
        lines = run(ssh, "sudo -n docker logs counter").split()
        assert lines == [str(number + 1) for number in range(len(lines))]
        assert len(lines) >= before
        eventually(lambda: count(ssh) > len(lines))
        assert run(ssh, BOOT_ID) == boot_id
    assert describe(cloud, counting)["PublicIpAddress"] != address
    assert status_of(cloud, counting) == ("active", "fulfilled")


def test_a_vm_whose_hibernation_failed_boots_afresh_from_its_disk(cloud: LocalCloud) -> None:
    vm = spot(cloud)
    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        boot_id = run(ssh, BOOT_ID)
        run(ssh, "echo kept > kept; sudo -n touch /run/gone")
    cloud.interrupt(vm, "hibernate")

    cloud.resume(vm, fresh_boot=True)

    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        assert run(ssh, BOOT_ID) != boot_id
        assert run(ssh, "cat kept; ls /run/gone 2>/dev/null || true") == "kept\n"
        eventually(lambda: run(ssh, "sudo -n docker info --format '{{.ServerVersion}}' || true").strip())


def test_a_stopped_vm_is_started_again_by_the_cloud(cloud: LocalCloud) -> None:
    vm = spot(cloud)
    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        boot_id = run(ssh, BOOT_ID)

    cloud.interrupt(vm, "stop")

    assert describe(cloud, vm)["State"]["Name"] == "stopped"
    assert vm not in cloud.containers()
    cloud.resume(vm)
    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        assert run(ssh, BOOT_ID) != boot_id


def test_a_vm_stops_when_its_notice_is_over(cloud: LocalCloud) -> None:
    vm = spot(cloud)

    cloud.interrupt(vm, "stop", notice=0.5)

    wait_for_state(cloud, vm, "stopped")


def test_a_stop_notice_is_in_the_metadata(cloud: LocalCloud) -> None:
    vm = spot(cloud)
    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        cloud.recommend_rebalance(vm)
        cloud.interrupt(vm, "stop", notice=60)
        notice = json.loads(metadata(ssh, "spot/instance-action"))
        rebalance = json.loads(metadata(ssh, "events/recommendations/rebalance"))
        assert metadata(ssh, "spot/termination-time") == "none"

    assert status_of(cloud, vm) == ("active", "marked-for-stop")
    assert notice["action"] == "stop"
    assert set(rebalance) == {"noticeTime"}


def test_a_termination_notice_tells_the_time(cloud: LocalCloud) -> None:
    vm = spot(cloud)
    with connection(cloud, vm, HOST_KEY[1]) as ssh:
        cloud.interrupt(vm, "terminate", notice=60)
        notice = json.loads(metadata(ssh, "spot/instance-action"))
        due = metadata(ssh, "spot/termination-time")

    assert notice == {"action": "terminate", "time": due}
    assert status_of(cloud, vm) == ("active", "marked-for-termination")


def metadata(ssh: paramiko.SSHClient, path: str) -> str:
    """What a VM's metadata service says below ``meta-data/``; ``none`` where there is nothing."""
    script = (
        "import sys, urllib.request as web, urllib.error\n"
        "base = 'http://169.254.169.254/latest/'\n"
        "try: print(web.urlopen(base + 'meta-data/' + sys.argv[1], timeout=5).read().decode())\n"
        "except urllib.error.HTTPError: print('none')\n"
    )
    return run(ssh, f"python3 - {path}", stdin=script.encode()).strip()


def test_a_terminated_persistent_vm_is_launched_again(cloud: LocalCloud) -> None:
    vm = spot(cloud)
    request_id = describe(cloud, vm)["SpotInstanceRequestId"]

    cloud.interrupt(vm, "terminate")

    ended = wait_for_state(cloud, vm, "terminated")
    assert ended["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    eventually(lambda: request_of(cloud, vm).get("InstanceId", vm) != vm)
    assert request_of(cloud, vm)["SpotInstanceRequestId"] == request_id


def test_a_one_time_request_closes_when_its_vm_is_interrupted(cloud: LocalCloud) -> None:
    vm = spot(cloud, {})

    assert cloud.interrupt(vm) == "terminate"

    wait_for_state(cloud, vm, "terminated")
    assert status_of(cloud, vm) == ("closed", "instance-terminated-no-capacity")


def test_cancelling_the_request_ends_a_hibernated_vm(cloud: LocalCloud) -> None:
    vm = spot(cloud)
    cloud.interrupt(vm)
    ids = [describe(cloud, vm)["SpotInstanceRequestId"]]

    cloud.client("ec2").cancel_spot_instance_requests(SpotInstanceRequestIds=ids)

    wait_for_state(cloud, vm, "terminated")
    assert status_of(cloud, vm) == ("cancelled", "instance-terminated-by-service")
    assert vm not in cloud.containers()


def test_a_vm_does_not_come_back_past_the_valid_until_of_its_request(cloud: LocalCloud) -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=1)
    vm = spot(cloud, {**HIBERNATES, "ValidUntil": until})
    cloud.interrupt(vm)
    eventually(lambda: datetime.now(timezone.utc) > until)

    with pytest.raises(CloudError, match=f"{vm} stays stopped: its spot request is disabled or expired"):
        cloud.resume(vm)


def test_terminating_a_hibernated_vm_leaves_nothing(cloud: LocalCloud) -> None:
    vm = spot(cloud, {**HIBERNATES}, TagSpecifications=[])
    cloud.interrupt(vm)
    assert [status.hibernated for status in cloud.vms() if status.instance_id == vm] == [True]

    cloud.client("ec2").terminate_instances(InstanceIds=[vm])

    wait_for_state(cloud, vm, "terminated")
    assert vm not in cloud.containers()


@pytest.mark.parametrize(
    ("options", "action", "notice", "problem"),
    [
        ({}, "hibernate", 0, "one-time"),
        (HIBERNATES, "hibernate", 30, "hibernation begins at once"),
        (HIBERNATES, "stop", -1, "notice -1 is not right"),
        (HIBERNATES, "explode", 0, "'explode'"),
    ],
)
def test_what_ec2_would_not_do_is_refused(
    cloud: LocalCloud, options: dict[str, Any], action: str, notice: float, problem: str
) -> None:
    vm = spot(cloud, options)

    with pytest.raises(CloudError, match=problem):
        cloud.interrupt(vm, action, notice)


def test_only_a_spot_vm_that_runs_is_interrupted(cloud: LocalCloud) -> None:
    vm = launch(cloud)
    wait_for_state(cloud, vm, "running")

    with pytest.raises(CloudError, match="on-demand"):
        cloud.interrupt(vm)
    with pytest.raises(CloudError, match=f"{vm} is running: it must be stopped"):
        cloud.resume(vm)
    with pytest.raises(CloudError, match="'i-0' is no VM's"):
        cloud.interrupt("i-0")


def test_events_come_through_eventbridge_and_sqs(cloud: LocalCloud, aws_conn_id: str) -> None:
    cloud.make_events_queue()
    vm = spot(cloud)
    queue = SqsEvents.connect(aws_conn_id, "hads-events")
    heard: list[CloudEvent] = []

    def hear(count: int) -> bool:
        heard.extend(queue.receive([vm]))
        return len(heard) >= count

    eventually(lambda: hear(2))
    cloud.recommend_rebalance(vm)
    cloud.interrupt(vm)
    eventually(lambda: hear(6))
    cloud.resume(vm)
    eventually(lambda: hear(8))

    assert [event.state or event.interruption or event.kind for event in heard] == [
        InstanceState.PENDING,
        InstanceState.RUNNING,
        CloudEventKind.REBALANCE,
        InterruptionKind.HIBERNATE,
        InstanceState.STOPPING,
        InstanceState.STOPPED,
        InstanceState.PENDING,
        InstanceState.RUNNING,
    ]
    assert queue.receive([vm]) == ()


@pytest.fixture
def aws_conn_id(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> str:
    """The Airflow connection to the cloud."""
    variable = "AIRFLOW_CONN_HADS_LOCAL_AWS"
    monkeypatch.setenv(variable, cloud.environment()[variable])
    return "hads_local_aws"


def test_a_hazard_hibernates_and_resumes_until_it_is_ended(cloud: LocalCloud) -> None:
    vm = spot(cloud)

    def happened() -> list[str]:
        return [one.what for one in cloud.history() if (one.instance_id, one.by) == (vm, "hazard")]

    cloud.hazard(hibernation_rate=5.0, resume_rate=5.0, seed=1)
    eventually(lambda: len(happened()) >= 3)
    cloud.end_hazard()

    assert happened()[:3] == ["hibernate", "resume", "hibernate"]


def test_a_trace_without_vms_hibernates_all_and_launches_none(cloud: LocalCloud, tmp_path: Path) -> None:
    vm = spot(cloud)
    trace = tmp_path / "trace.json"
    trace.write_text(json.dumps({"metadata": {"gap_seconds": 600}, "data": [0]}))

    cloud.hazard_of_trace(trace)

    wait_for_state(cloud, vm, "stopped")
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        spot(cloud)
    cloud.end_hazard()


def test_hibernated_time_is_not_billed(cloud: LocalCloud) -> None:
    vm = spot(cloud, InstanceType="c4.large")

    def seconds() -> float:
        return next(item.seconds for item in cloud.bill() if item.instance_id == vm)

    cloud.interrupt(vm)
    frozen_at = seconds()
    time.sleep(1.5)
    assert seconds() == frozen_at
    cloud.resume(vm)
    eventually(lambda: seconds() > frozen_at + 0.5)

"""A VM of the local cloud, from its launch to a published result, and through a freeze."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_hads.cloud.fleet import Ec2Fleet
from airflow_provider_hads.cloud.requests import CloudDefaults
from airflow_provider_hads.exceptions import VmUnreachable
from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState, LaunchOrder
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.runner import AttemptState, Exchange, TaskOrder, VmStatus
from airflow_provider_hads.model.settings import Ec2Settings
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout
from airflow_provider_hads.storage.results import Results
from airflow_provider_hads.vm.client_key import public_key
from airflow_provider_hads.vm.connection import SshAccess
from airflow_provider_hads.vm.gateway import VmGateway
from airflow_provider_hads.vm.messages import RunnerConfig

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ACCESS = SshAccess("hads_local_ssh", "ubuntu", timeout=5.0)
FREEZE = 18.0  # seconds; longer than the gap that a runner takes for a resume


@dataclass
class Machine:
    """One VM and the way to it."""

    instance: Instance
    gateway: VmGateway
    results: Results

    def say(self, message: Exchange | None = None) -> VmStatus:
        return self.gateway.exchange(self.instance, message or Exchange(epoch=1), timeout=10)

    def until(self, done: Callable[[VmStatus], bool], seconds: float = 60.0) -> VmStatus:
        end = time.monotonic() + seconds
        while not done(status := self.say()):
            assert time.monotonic() < end, status
            time.sleep(0.2)
        return status


def order(command: str, attempt_id: str, position: int = 0) -> TaskOrder:
    return TaskOrder(attempt_id, "0", position, command, "synthetic", "/work", 64.0)


def running(fleet: Ec2Fleet) -> Instance:
    end = time.monotonic() + 60
    while True:
        [instance] = fleet.describe()
        if instance.state is InstanceState.RUNNING and instance.address:
            return instance
        assert time.monotonic() < end, instance
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    state_dir = tmp_path_factory.mktemp("whole-vm") / "state"
    with LocalCloud.start(state_dir, UpOptions(images=("synthetic",))) as started:
        yield started


@pytest.fixture(scope="module")
def airflow_connections(cloud: LocalCloud) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def machine(cloud: LocalCloud, airflow_connections: None) -> Iterator[Machine]:
    run = RunIdentity("12", 0, uuid.uuid4().hex, cloud.bucket)
    defaults = CloudDefaults(image_id=cloud.image_id, instance_profile="hads-vm")
    fleet = Ec2Fleet.connect("hads_local_aws", run, Ec2Settings(), defaults, [public_key(ACCESS)])
    expiry = datetime.now(timezone.utc) + timedelta(minutes=10)
    fleet.launch(LaunchOrder(run, "vm-0", 0, 0, "c5.large", 4096.0, Market.ON_DEMAND, False, expiry))
    gateway = VmGateway(ACCESS)
    config = RunnerConfig(run.name, run.bucket, cloud.region, cloud.vm_endpoint_url, slots=2, memory=1024)
    results = Results(Bucket.connect("hads_local_aws", run.bucket), RunLayout(run.name))
    instance = running(fleet)
    gateway.prepare(instance, config, timeout=60)
    yield Machine(instance, gateway, results)
    gateway.close()


def test_a_task_is_run_and_published(machine: Machine) -> None:
    machine.say(Exchange(epoch=1, enqueue=(order("echo working; echo 42 > output.txt", "0.1"),)))
    attempt = machine.until(lambda status: status.attempts["0.1"].state.ended).attempts["0.1"]
    assert (attempt.state, attempt.error) == (AttemptState.FINISHED, "")
    assert machine.results.publish("0", "0.1", attempt.files)
    assert machine.results.container_log("0", "0.1") == "working\n"
    manifest = machine.results.manifest("0")
    assert manifest is not None
    assert [file.path for file in manifest.files] == ["output.txt"]


def test_a_frozen_vm_goes_on_with_its_task_and_waits_with_the_next(machine: Machine) -> None:
    orders = [order("sleep 4; echo done > out", "0.2"), order("sleep 60", "0.3", 1), order("true", "0.4", 2)]
    machine.say(Exchange(epoch=1, enqueue=tuple(orders)))
    machine.until(lambda status: status.attempts["0.3"].state is AttemptState.RUNNING)
    subprocess.run(["docker", "pause", machine.instance.instance_id], check=True, timeout=30)
    frozen = time.monotonic()
    with pytest.raises(VmUnreachable):
        machine.gateway.exchange(machine.instance, Exchange(epoch=1), timeout=3)
    time.sleep(max(0.0, FREEZE - (time.monotonic() - frozen)))
    subprocess.run(["docker", "unpause", machine.instance.instance_id], check=True, timeout=30)
    time.sleep(6)  # 0.2 ends meanwhile; its slot stays empty until a controller has spoken
    kept = machine.say(Exchange(epoch=1, steal=("0.4",), cancel=("0.3",)))
    assert kept.stolen == ("0.4",)
    assert kept.holding
    status = machine.until(lambda seen: seen.attempts["0.3"].state.ended and not seen.holding)
    assert status.attempts["0.2"].state is AttemptState.FINISHED
    # Its sleep may have gone on while it was frozen (the machine's clock did); its time was not counted.
    assert 0 < status.attempts["0.2"].ran < 7.5


def test_no_secret_of_the_account_is_on_the_vm(machine: Machine, cloud: LocalCloud) -> None:
    connection = json.loads(cloud.environment()["AIRFLOW_CONN_HADS_LOCAL_AWS"])
    search = ["docker", "exec", machine.instance.instance_id, "grep", "-rlF", connection["password"], "/opt"]
    found = subprocess.run([*search, "/var/lib/hads"], capture_output=True, timeout=30, check=False)
    assert found.stdout == b""

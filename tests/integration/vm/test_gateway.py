"""From a VM that is booting to a task's result, over SSH."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_hads.exceptions import CommandFailed, EpochRefused, HostKeyMismatch, VmUnreachable
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.runner import AttemptState, Exchange, TaskOrder, VmStatus
from airflow_provider_hads.vm.connection import SshAccess
from airflow_provider_hads.vm.gateway import VmGateway
from airflow_provider_hads.vm.messages import RunnerConfig
from tests.integration.vm.ssh_server import descendants, processes_of

if TYPE_CHECKING:
    from tests.integration.vm.ssh_server import SshServer

CONFIG = RunnerConfig(
    prefix="12_0", bucket="hads-test", region="us-east-1", endpoint="http://127.0.0.1:9", slots=3, memory=4096
)


@pytest.fixture
def gateway(server: SshServer, tmp_path: Path) -> Iterator[VmGateway]:
    access = SshAccess("hads_test_ssh", server.user, port=server.port, timeout=3.0, tries=2, pause=0.2)
    path = tmp_path / "opt" / "runner.py"
    made = VmGateway(access, root=str(tmp_path / "hads"), runner_path=str(path), command_timeout=10.0)
    yield made
    made.close()
    for process in processes_of(str(path)):
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def instance(server: SshServer) -> Instance:
    return Instance(
        instance_id="i-1",
        vm_id="vm-0",
        sequence=0,
        generation=0,
        instance_type="t2.micro",
        market=Market.SPOT,
        state=InstanceState.RUNNING,
        address="127.0.0.1",
        host_key=server.host_key,
        launched_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
    )


@pytest.fixture
def prepared(gateway: VmGateway, server: SshServer, instance: Instance) -> VmGateway:
    server.start()
    server.wait()
    gateway.prepare(instance, CONFIG, timeout=20)
    return gateway


def until_alive(gateway: VmGateway, instance: Instance) -> VmStatus:
    until = time.monotonic() + 10
    while True:
        status = gateway.exchange(instance, Exchange(epoch=1))
        if status.heartbeat:
            return status
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_vm_that_boots_is_waited_for(gateway: VmGateway, server: SshServer, instance: Instance) -> None:
    boot = threading.Timer(1.0, server.start)
    boot.start()
    gateway.prepare(instance, CONFIG, timeout=20)
    boot.join()
    assert until_alive(gateway, instance).slots == 3


def test_a_vm_that_does_not_boot_is_given_up(gateway: VmGateway, instance: Instance) -> None:
    before = time.monotonic()
    with pytest.raises(VmUnreachable, match=r"VM vm-0 \(i-1\) does not answer to SSH in 2 s"):
        gateway.prepare(instance, CONFIG, timeout=2)
    assert time.monotonic() - before < 15


def test_a_vm_without_an_address_can_not_be_reached(gateway: VmGateway, instance: Instance) -> None:
    with pytest.raises(VmUnreachable, match="has no address"):
        gateway.exchange(replace(instance, address=None), Exchange(epoch=1))


def test_preparing_twice_changes_nothing(prepared: VmGateway, instance: Instance) -> None:
    before = until_alive(prepared, instance)
    prepared.prepare(instance, CONFIG, timeout=5)
    after = prepared.exchange(instance, Exchange(epoch=1))
    assert after.heartbeat >= before.heartbeat


def test_an_exchange_does_it_all(prepared: VmGateway, instance: Instance) -> None:
    far = time.time() + 10**6
    orders = tuple(
        TaskOrder(f"0-{number}", "0", number, "true", "nowhere:1", "/work", 64.0) for number in range(2)
    )
    status = prepared.exchange(instance, Exchange(1, far, orders, steal=("0-1",)))
    assert abs(status.expiry - far) <= 1
    assert status.stolen == ("0-1",)
    assert set(status.attempts) == {"0-0"}
    cancelled = prepared.exchange(instance, Exchange(2, cancel=("0-0",)))
    assert cancelled.epoch == 2
    assert cancelled.attempts["0-0"].state is not AttemptState.QUEUED


def test_an_earlier_controller_is_refused(prepared: VmGateway, instance: Instance) -> None:
    prepared.exchange(instance, Exchange(epoch=4))
    with pytest.raises(EpochRefused, match="VM vm-0: epoch 3 is refused: a controller of epoch 4 has spoken"):
        prepared.exchange(instance, Exchange(epoch=3))


def test_one_process_answers_all(prepared: VmGateway, instance: Instance, tmp_path: Path) -> None:
    def listening() -> set[int]:
        return {*processes_of("listen")} & {*processes_of(str(tmp_path / "hads"))}

    prepared.exchange(instance, Exchange(epoch=1))
    [before] = listening()
    for _ in range(5):
        prepared.exchange(instance, Exchange(epoch=1))
    assert listening() == {before}

    os.kill(before, signal.SIGKILL)  # by a lack of memory for one
    assert prepared.exchange(instance, Exchange(epoch=1)).epoch == 1
    prepared.close()
    until = time.monotonic() + 10
    while listening():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_vm_without_a_runner_says_so(gateway: VmGateway, server: SshServer, instance: Instance) -> None:
    server.start()
    server.wait()
    with pytest.raises(CommandFailed, match="VM vm-0: .*exit code"):
        gateway.exchange(instance, Exchange(epoch=1))


def test_a_resumed_vm_may_have_another_address(prepared: VmGateway, instance: Instance) -> None:
    prepared.exchange(instance, Exchange(epoch=1))
    moved = replace(instance, address="127.0.0.2")
    assert prepared.exchange(moved, Exchange(epoch=1)).epoch == 1


def test_another_vm_at_the_same_address_is_not_spoken_to(prepared: VmGateway, instance: Instance) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIDLeFEwUpNcYTz8dmf6TyFvLxRLRXvTO24Ew8zAyZbh"
    with pytest.raises(HostKeyMismatch):
        prepared.exchange(replace(instance, host_key=key), Exchange(epoch=1))


def test_nothing_of_the_key_is_on_the_vm(prepared: VmGateway, server: SshServer, tmp_path: Path) -> None:
    assert (tmp_path / "hads" / "runner.json").stat().st_mode & 0o777 == 0o600
    assert server.process
    words = [(Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in descendants(server.process.pid)]
    assert not [word for word in words if b"PRIVATE KEY" in word]

"""The runner's own life: it is started once, is killed, and comes back."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.vm.conftest import Vm

pytestmark = pytest.mark.docker


def runners(vm: Vm) -> list[int]:
    """Return the processes that run the loop in the VM's folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(vm.root).encode() in words and b"run" in words:
            found.append(int(folder.name))
    return found


def test_a_second_loop_refuses(vm: Vm) -> None:
    vm.run()
    vm.wait(lambda status: status["heartbeat"] > 0)
    second = vm.call("run")
    assert second.returncode == os.EX_CANTCREAT
    assert "running already" in second.stderr


def test_a_loop_without_configuration_says_so(vm: Vm) -> None:
    answer = vm.call("run")
    assert answer.returncode == os.EX_CONFIG
    assert "not prepared" in answer.stderr


def test_start_detaches_one_loop_which_an_exchange_revives(vm: Vm) -> None:
    vm.configure()
    for _ in range(3):
        assert vm.call("start").returncode == 0
    vm.wait(lambda status: status["heartbeat"] > 0)
    try:
        vm.wait(lambda _: len(runners(vm)) == 1)
        [first] = runners(vm)
        os.kill(first, signal.SIGKILL)
        vm.wait(lambda _: runners(vm) not in ([], [first]))
    finally:
        for process in runners(vm):
            os.kill(process, signal.SIGKILL)


def test_a_killed_loop_leaves_its_tasks_running_and_finds_them_again(vm: Vm) -> None:
    first = vm.run()
    vm.exchange(enqueue=[vm.order("sleep 3; echo x > out", "0-1"), vm.order("true", "0-2", position=1)])
    vm.wait(lambda status: status["attempts"]["0-1"]["state"] == "running")
    vm.ended("0-2")
    (vm.root / "runner.json").unlink()  # else the exchanges would start another loop
    first.kill()
    first.wait(10)
    vm.run()
    [attempt] = vm.ended("0-1")
    assert (attempt["state"], attempt["exit_code"]) == ("finished", 0)
    assert [file["path"] for file in attempt["files"]] == ["out"]


def test_an_expired_lease_powers_the_vm_off(vm: Vm, tmp_path: Path) -> None:
    vm.run()
    vm.exchange(expiry=time.time() + 2)
    until = time.monotonic() + 10
    while not (tmp_path / "off").exists():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_no_credentials_are_in_its_files(vm: Vm) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("echo x > out", "0-1")])
    vm.ended("0-1")
    texts = [path.read_bytes() for path in vm.root.rglob("*") if path.is_file()]
    assert texts
    assert not [text for text in texts if b"hads-vm-secret" in text]
    assert (vm.root / "queue").stat().st_mode & 0o777 == 0o700

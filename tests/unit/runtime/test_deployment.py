"""Waiting for a launched VM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_hads.exceptions import VmUnreachable
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.runtime.deployment import prepare_running, wait_until_running
from tests.support.control_examples import instance
from tests.support.small_cloud import SmallCloud


def wait(cloud: SmallCloud, meanwhile: Callable[[], None], seconds: float = 60) -> Instance:
    """Wait for vm-0; ``meanwhile`` happens between two looks."""
    until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return wait_until_running(cloud, "i-vm-0", until, sleep=lambda _: meanwhile())


def becomes(cloud: SmallCloud, state: InstanceState, address: str | None) -> Callable[[], None]:
    def change() -> None:
        vm = cloud.vms["vm-0"]
        vm.shown = replace(vm.shown, state=state, address=address)

    return change


def test_it_waits_until_the_vm_runs_and_has_an_address() -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    becomes(cloud, InstanceState.PENDING, None)()
    found = wait(cloud, becomes(cloud, InstanceState.RUNNING, "10.0.0.7"))
    assert found == instance("vm-0", address="10.0.0.7")


def test_a_vm_that_is_not_shown_yet_is_waited_for() -> None:
    cloud = SmallCloud("vm-0")
    cloud.hidden.add("vm-0")
    assert wait(cloud, cloud.hidden.clear).vm_id == "vm-0"


def test_a_vm_that_has_ended_is_not_waited_for() -> None:
    cloud = SmallCloud("vm-0")
    cloud.terminate("vm-0")
    with pytest.raises(VmUnreachable, match=r"vm-0 \(i-vm-0\) has ended: Server.SpotInstanceTermination"):
        wait(cloud, lambda: None)


@pytest.mark.parametrize("state", [InstanceState.STOPPING, InstanceState.STOPPED])
def test_a_vm_that_is_off_is_left_to_the_controller(state: InstanceState) -> None:
    cloud = SmallCloud("vm-0")
    becomes(cloud, state, None)()
    with pytest.raises(VmUnreachable, match=rf"vm-0 \(i-vm-0\) is {state.value}"):
        wait(cloud, lambda: None)


class HibernatesBeforeItsSshAnswers(SmallCloud):
    def prepare(self, instance: Instance, until: datetime) -> None:
        becomes(self, InstanceState.STOPPED, None)()
        raise VmUnreachable("no answer")


def test_a_vm_that_does_not_answer_is_looked_at_again() -> None:
    cloud = HibernatesBeforeItsSshAnswers("vm-0")
    until = datetime.now(timezone.utc) + timedelta(minutes=5)
    with pytest.raises(VmUnreachable, match=r"vm-0 \(i-vm-0\) is stopped"):
        prepare_running(cloud, cloud, "i-vm-0", until)


def test_at_the_end_of_the_boot_time_out_it_says_what_it_saw_last() -> None:
    cloud = SmallCloud("vm-0")
    becomes(cloud, InstanceState.PENDING, None)()
    with pytest.raises(VmUnreachable, match="i-vm-0 is pending at the end of the boot time-out"):
        wait(cloud, lambda: None, seconds=0.05)

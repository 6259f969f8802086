"""What the controller hears of beside its looks at the fleet: EC2's events, and its count of credits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from threading import Event

import pytest

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import (
    CountedCredits,
    Instance,
    InstanceState,
    InterruptionKind,
)
from airflow_provider_hads.model.run_state import TaskState, VmState
from tests.support.control_examples import at
from tests.support.small_cloud import SmallCloud
from tests.support.supervised_runs import SMALL, Harness, has_ended, states, with_policy


def test_an_event_tells_of_a_hibernation_before_the_next_look() -> None:
    cloud = SmallCloud("vm-0")
    events = ToldEvents(cloud)
    harness = Harness(cloud, tasks=1, events=events, **with_policy(1))
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    harness.supervisor.step()
    looked = cloud.looks
    events.tell("i-vm-0", cloud.now, InterruptionKind.HIBERNATE)
    state = harness.run_until(lambda state: state.vms["vm-0"].state.asleep, limit=cloud.now + 60, stride=0.4)
    assert state.vms["vm-0"].state is VmState.HIBERNATING
    assert cloud.looks - looked <= 1
    time.sleep(0.05)
    assert cloud.forgotten == ["vm-0"], "a call to it would hang until long after its resume"


def test_a_look_that_was_begun_before_an_event_does_not_undo_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, begun, release = SmallCloud("vm-0"), Event(), Event()
    events, vm, describe = ToldEvents(cloud), cloud.vms["vm-0"], cloud.describe

    def slow() -> tuple[Instance, ...]:
        shown = describe()
        begun.set()
        assert release.wait(5)
        return shown

    harness = Harness(cloud, tasks=1, events=events, **with_policy(1))
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    monkeypatch.setattr(cloud, "describe", slow)
    harness.run_until(lambda _: begun.is_set())
    vm.shown = replace(
        vm.shown, state=InstanceState.STOPPING, interruption=InterruptionKind.HIBERNATE, address=None
    )
    events.tell("i-vm-0", cloud.now, InterruptionKind.HIBERNATE)
    harness.run_until(lambda state: state.vms["vm-0"].state is VmState.HIBERNATING, stride=0.2)

    looks = cloud.looks
    release.set()
    harness.run_until(lambda _: cloud.looks > looks, limit=cloud.now + 4, stride=0.1)

    harness.run_until(lambda _: cloud.looks > looks + 2, limit=cloud.now + 30)
    seen = {state.vms["vm-0"].state for state in harness.saved}
    assert VmState.HIBERNATING in seen
    assert VmState.RESUMED not in seen


def test_the_cpu_credits_that_the_cloud_has_counted_are_entered_every_few_minutes() -> None:
    cloud, asked = SmallCloud("vm-0"), []

    class CountedByTheCloud:
        def balances(self, instance_ids: Sequence[str]) -> dict[str, CountedCredits]:
            asked.append((cloud.now, tuple(instance_ids)))
            return {"i-vm-0": CountedCredits(40.0, at(cloud.now - 2)), "i-other": CountedCredits(7.0, at(0))}

    cloud.vms["vm-0"].runtime = 700
    harness = Harness(cloud, tasks=1, cpu_credits=CountedByTheCloud(), **with_policy(1, SMALL))
    state = harness.run_until(lambda _: len(asked) == 3)

    assert {ids for _, ids in asked} == {("i-vm-0",)}
    assert [later - earlier for (earlier, _), (later, _) in pairwise(asked)] == pytest.approx(
        [300, 300], abs=2
    )
    assert asked[0][0] > cloud.vms["vm-0"].boots_at
    assert 39 < state.vms["vm-0"].credits <= 40


def test_where_the_cloud_does_not_tell_the_cpu_credits_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refused:
        def balances(self, instance_ids: Sequence[str]) -> dict[str, CountedCredits]:
            raise CloudError("GetMetricData: AccessDenied: no")

    harness = Harness(SmallCloud("vm-0"), tasks=2, cpu_credits=Refused(), **with_policy(2, SMALL))
    state = harness.run_until(has_ended)

    assert states(state) == {TaskState.FINISHED}
    assert caplog.text.count("CPU credits could not be read, they are reckoned: GetMetricData") == 1


def test_the_queue_is_looked_into_each_second_but_not_in_step_with_other_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "uniform", random.Random(7).uniform)
    cloud = SmallCloud("vm-0")
    events = ToldEvents(cloud)
    supervisor = Harness(cloud, tasks=1, events=events).supervisor
    while cloud.now < 30:
        supervisor.step()
        while any(thread.name == "hads events" for thread in threading.enumerate()):
            time.sleep(0.0005)
        cloud.now += 0.1
    pauses = [later - earlier for earlier, later in pairwise(events.looks)]
    assert 0.45 < min(pauses) < 0.75
    assert 1.25 < max(pauses) < 1.65
    assert 0.85 < sum(pauses) / len(pauses) < 1.25


def test_a_successor_hears_what_befell_a_vm_before_another_one_followed_it() -> None:
    cloud = SmallCloud("vm-0")
    events = ToldEvents(cloud)
    first = Harness(cloud, tasks=1, events=events, **with_policy(1))
    first.run_until(lambda state: TaskState.RUNNING in states(state))
    vm = cloud.vms["vm-0"]
    vm.shown = replace(vm.shown, instance_id="i-2")
    events.tell("i-vm-0", cloud.now, InterruptionKind.TERMINATE)
    events.tell("i-of-somebody-else", cloud.now, InterruptionKind.TERMINATE)

    successor = Harness(cloud, tasks=1, state=first.killed(), events=events, **with_policy(1))
    successor.run_until(lambda state: state.vms["vm-0"].state is VmState.LOST)
    successor.run_until(lambda _: len(events.waiting) == 1, limit=cloud.now + 60)

    assert [event.instance_id for event in events.waiting] == ["i-of-somebody-else"]


class ToldEvents:
    """A queue of events that a test fills."""

    def __init__(self, cloud: SmallCloud) -> None:
        self.cloud = cloud
        self.waiting: list[CloudEvent] = []
        self.looks: list[float] = []

    def tell(self, instance_id: str, now: float, interruption: InterruptionKind) -> None:
        """Announce an interruption; ``now`` is seconds since the run's start."""
        kind = CloudEventKind.INTERRUPTION
        event = CloudEvent(f"{len(self.looks)}", instance_id, kind, at(int(now)), interruption=interruption)
        self.waiting.append(event)

    def receive(
        self, instance_ids: Collection[str], settled: Collection[str] | None = None
    ) -> tuple[CloudEvent, ...]:
        self.looks.append(self.cloud.now)
        told = tuple(event for event in self.waiting if event.instance_id in instance_ids)
        self.waiting = [event for event in self.waiting if event not in told]
        return told

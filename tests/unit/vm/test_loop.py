"""The loop's judgement, with a clock of the test's own; no container is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.vm.runner.exchanges import exchange, vm_status
from airflow_provider_hads.vm.runner.loop import GAP, HOLD, TICK_CAP, Loop, TickClock
from airflow_provider_hads.vm.runner.orders import Queue
from airflow_provider_hads.vm.runner.store import Store, read_json, write_atomic


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """A loop and what surrounds it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = Store(folder / "hads")
        self.powered_off = folder / "powered-off"
        self.config: dict[str, Any] = {"prefix": "12_0", "bucket": "b", "region": "r"}
        self.config.update(slots=1, memory=1000)
        self.config["power_off"] = ["touch", str(self.powered_off)]
        self.config["docker_socket"] = str(folder / "no-engine-here")
        self.say(expiry=self.clock.now + 10**6)

    def loop(self) -> Loop:
        return Loop(self.store, self.config, now=self.clock)

    def say(self, **message: Any) -> dict[str, Any]:
        return exchange(self.store, json.dumps({"epoch": 1, **message}), now=self.clock)

    def enqueue(self, attempt: str, position: int = 0, reserved: float = 100) -> None:
        order = {"attempt_id": attempt, "task_id": "0", "position": position, "reserved": reserved}
        Queue(self.store).enqueue(order)

    def reboot(self) -> None:
        """Make all that was written the work of another boot."""
        for name in ("status.json", "heard.json"):
            path = self.store.root / name
            write_atomic(path, json.dumps({**read_json(path), "boot_id": "another"}))

    def taken(self) -> list[str]:
        return [entry.attempt_id for entry in Queue(self.store).entries("taken")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def resumed(machine: Machine) -> Loop:
    """Return the loop of a VM that was frozen for an hour, with an attempt in its queue."""
    loop = machine.loop()
    loop.tick()
    machine.clock.now += 3600
    machine.enqueue("a")
    loop.tick()
    return loop


def test_work_is_counted_in_ticks_that_are_capped() -> None:
    now = Clock()
    clock = TickClock(10.0, now)
    lengths = []
    for seconds in (0.5, 1.0, 3600.0, -50.0):
        now.now += seconds
        lengths.append(clock.tick())
    assert lengths == [0.5, 1.0, 3600.0, -50.0]
    assert clock() == 10.0 + 0.5 + 1.0 + TICK_CAP
    now.now += 0.25
    assert clock() == 13.75


def test_a_waiting_attempt_is_taken(machine: Machine) -> None:
    loop = machine.loop()
    machine.enqueue("a")
    machine.enqueue("b")
    loop.tick()
    assert machine.taken() == ["a"]


@pytest.mark.parametrize(
    ("reserved", "taken"),
    [((400, 600, 100), ["a", "b"]), ((400, 700, 100), ["a"]), ((2000, 100, 100), ["a"])],
    ids=["both fit", "the next one waits and is not overtaken", "what fits nowhere runs alone"],
)
def test_tasks_run_beside_each_other_only_where_their_memory_fits(
    machine: Machine, reserved: tuple[float, ...], taken: list[str]
) -> None:
    machine.config["slots"] = 2
    loop = machine.loop()
    for position, (attempt, needed) in enumerate(zip("abc", reserved, strict=True)):
        machine.enqueue(attempt, position, needed)
    loop.tick()
    assert machine.taken() == taken


def test_after_a_gap_nothing_is_started(machine: Machine, resumed: Loop) -> None:
    assert resumed.holding
    assert machine.taken() == []
    assert vm_status(machine.store, [])["holding"]


def test_a_slow_tick_is_no_gap(machine: Machine) -> None:
    loop = machine.loop()
    machine.clock.now += GAP - 1
    loop.tick()
    assert not loop.holding


def test_a_controllers_word_ends_the_holding(machine: Machine, resumed: Loop) -> None:
    machine.clock.now += 1
    machine.say()
    resumed.tick()
    assert machine.taken() == ["a"]
    assert not vm_status(machine.store, [])["holding"]


def test_a_word_from_just_before_the_gap_does_not(machine: Machine) -> None:
    loop = machine.loop()
    loop.tick()
    machine.clock.now += 0.1
    machine.say()
    machine.clock.now += 3600
    machine.enqueue("a")
    loop.tick()
    assert machine.taken() == []


def test_a_controller_that_speaks_first_can_steal_what_waits(machine: Machine) -> None:
    loop = machine.loop()
    loop.tick()
    machine.enqueue("a")
    machine.clock.now += 3600
    assert machine.say(steal=["a"])["stolen"] == ["a"]
    loop.tick()
    assert not loop.holding
    assert machine.taken() == []


def test_without_a_controller_work_goes_on_after_two_minutes(machine: Machine, resumed: Loop) -> None:
    machine.clock.now += 10
    resumed.tick()
    assert machine.taken() == []
    for _ in range(int(HOLD / 10)):
        machine.clock.now += 10
        resumed.tick()
    assert machine.taken() == ["a"]


def test_a_reboot_interrupts_what_ran_and_keeps_what_waited(machine: Machine) -> None:
    loop = machine.loop()
    machine.enqueue("a")
    loop.tick()
    machine.enqueue("b")
    machine.reboot()
    again = machine.loop()
    again.recover()
    again.tick()
    attempts = vm_status(machine.store, [])["attempts"]
    assert (attempts["a"]["state"], attempts["a"]["error"]) == ("failed", "interrupted by a reboot")
    assert attempts["b"]["state"] == "queued"
    assert again.holding


def test_a_new_life_in_the_same_boot_goes_on_with_what_ran(machine: Machine) -> None:
    loop = machine.loop()
    machine.enqueue("a")
    loop.tick()
    again = machine.loop()
    again.recover()
    again.tick()
    assert vm_status(machine.store, [])["attempts"]["a"]["state"] == "staging"
    assert not again.holding


def test_after_a_reboot_a_controllers_word_starts_the_queue(machine: Machine) -> None:
    machine.reboot()
    loop = machine.loop()
    loop.recover()
    machine.enqueue("a")
    loop.tick()
    assert machine.taken() == []
    machine.say()
    loop.tick()
    assert machine.taken() == ["a"]


def test_the_vm_powers_off_when_its_lease_is_over(machine: Machine) -> None:
    loop = machine.loop()
    machine.say(expiry=machine.clock.now + 100)
    loop.tick()
    assert not machine.powered_off.exists()
    machine.clock.now += 100
    machine.enqueue("a")
    loop.tick()
    assert machine.powered_off.exists()
    assert machine.taken() == []


def test_a_lease_that_ended_while_frozen_is_noticed_at_once(machine: Machine) -> None:
    machine.say(expiry=machine.clock.now + 100)
    loop = machine.loop()
    loop.tick()
    machine.clock.now += 3600
    loop.tick()
    assert machine.powered_off.exists()


def test_a_renewed_lease_lets_it_live(machine: Machine) -> None:
    machine.say(expiry=machine.clock.now + 100)
    loop = machine.loop()
    machine.say(expiry=machine.clock.now + 10**5)
    machine.clock.now += 3600
    loop.tick()
    assert not machine.powered_off.exists()


def test_the_heartbeat_and_the_clock_go_on_in_the_next_life(machine: Machine) -> None:
    loop = machine.loop()
    for _ in range(5):
        machine.clock.now += 1.0
        loop.tick()
    machine.clock.now += 1.0
    again = machine.loop()
    again.tick()
    assert vm_status(machine.store, [])["heartbeat"] == 6
    assert read_json(machine.store.root / "status.json")["clock"] == pytest.approx(5.0)


def test_time_asleep_is_counted_busy_moments_are_not(machine: Machine) -> None:
    loop = machine.loop()
    for length in (1.0, 60.0, 3.0):
        machine.clock.now += length
        loop.tick()
    assert vm_status(machine.store, [])["slept"] == pytest.approx(60.0)


def test_the_time_from_an_end_to_the_next_boot_is_time_asleep(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.clock.now += 1.0
    machine.loop().tick()
    machine.clock.now += 30.0
    machine.loop().tick()
    assert vm_status(machine.store, [])["slept"] == 0.0, "only the runner was away"
    booted = machine.clock.now + 90.0
    monkeypatch.setattr("airflow_provider_hads.vm.runner.loop.boot_id", lambda _: "another")
    monkeypatch.setattr("airflow_provider_hads.vm.runner.loop.booted_at", lambda _: booted)
    machine.clock.now += 110.0
    machine.loop().tick()
    assert vm_status(machine.store, [])["slept"] == pytest.approx(90.0)

"""The judge of runs finds what is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.simulation import Setting, simulate
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job

JOB = job(*[100.0] * 6)
ENVIRONMENT = environment(limit=2)
Log = list[dict[str, Any]]


def sound_log() -> Log:
    mission = Mission(JOB, ENVIRONMENT, boot=60.0)
    world = Setting(hibernation_rate=1 / 100, resume_rate=1 / 100, boot=60.0, seed=3)
    return [dict(event) for event in simulate(mission, 900.0, world, events=True).events]


def first(log: Log, event: str) -> int:
    return next(index for index, one in enumerate(log) if one["event"] == event)


def dearer(log: Log) -> None:
    log[-1]["cost"] *= 1.01


def later(log: Log) -> None:
    log[-1]["makespan"] += 1


def missed(log: Log) -> None:
    log[-1]["deadline_met"] = False


def unordered(log: Log) -> None:
    log[first(log, "task_finished")]["t"] = 0.5


def without_boot(log: Log) -> None:
    del log[first(log, "vm_ready")]


def left_alive(log: Log) -> None:
    del log[max(index for index, one in enumerate(log) if one["event"] == "vm_terminated")]


def in_one_slot(log: Log) -> None:
    for event in log:
        if event["event"] == "task_started":
            event["slot"] = 0


def in_a_slot_too_many(log: Log) -> None:
    log[first(log, "task_started")]["slot"] = 7


def finished_twice(log: Log) -> None:
    index = first(log, "task_finished")
    log.insert(index, dict(log[index]))


def unfinished(log: Log) -> None:
    del log[first(log, "task_finished")]


def cheaper(log: Log) -> None:
    log[first(log, "vm_launched")]["price"] = 0.001


def too_many(log: Log) -> None:
    index = first(log, "vm_launched")
    for number in range(3):
        log.insert(index, {**log[index], "vm": f"more-{number}"})


def awake_in_its_sleep(log: Log) -> None:
    index = first(log, "task_started")
    log.insert(index, {"t": log[index]["t"], "event": "vm_hibernated", "vm": log[index]["vm"]})


def unheard_of(log: Log) -> None:
    log[first(log, "vm_ready")]["event"] = "vm_cheered"


def test_a_sound_log_has_no_faults() -> None:
    assert check_log(sound_log(), JOB, ENVIRONMENT) == []


FAULTS = (
    dearer, later, missed, unordered, without_boot, left_alive, in_one_slot, in_a_slot_too_many,
    finished_twice, unfinished, cheaper, too_many, awake_in_its_sleep, unheard_of,
)  # fmt: skip


@pytest.mark.parametrize("plant", FAULTS)
def test_a_planted_fault_is_found(plant: Callable[[Log], None]) -> None:
    log = sound_log()
    plant(log)
    assert check_log(log, JOB, ENVIRONMENT)


def test_memory_is_summed_over_what_runs() -> None:
    assert check_log(sound_log(), job(*[100.0] * 6, memory=3000.0), ENVIRONMENT)


def test_vcpus_are_summed_over_all_vms() -> None:
    assert check_log(sound_log(), JOB, ENVIRONMENT, vcpu_limit=1)

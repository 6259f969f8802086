"""The judge of runs finds what is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.model import Market
from airflow_provider_hads.simulation import Setting, simulate
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job

JOB = job(*[100.0] * 6)
ENVIRONMENT = environment(limit=2)
Log = list[dict[str, Any]]


def sound_log() -> Log:
    mission = Mission(JOB, ENVIRONMENT, boot=60.0)
    world = Setting(hibernation_rate=1 / 100, resume_rate=1 / 100, boot=60.0, seed=3)
    return [dict(event) for event in simulate(mission, 500.0, world, events=True).events]


def checked(log: Log) -> list[str]:
    return check_log(log, JOB, ENVIRONMENT, deadline=500.0, boot=60.0)


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


def too_soon(log: Log) -> None:
    index = first(log, "task_finished")
    log[index]["t"] = log[index - 1]["t"]


def slept_through(log: Log) -> None:
    """A task ends when it would have, had its VM not slept."""
    finished = next(index for index, one in enumerate(log) if one["event"] == "task_finished")
    vm, now = log[finished]["vm"], log[finished]["t"]
    log.insert(finished, {"t": now, "event": "vm_resumed", "vm": vm})
    log.insert(finished, {"t": log[finished - 1]["t"], "event": "vm_hibernated", "vm": vm})


def too_late(log: Log) -> None:
    """A task has run half a second longer than it takes."""
    finished = log[first(log, "task_finished")]["attempt"]
    start = next(one for one in log if one["event"] == "task_started" and one["attempt"] == finished)
    start["t"] -= 0.5
    log.sort(key=lambda one: one["t"])


def from_nowhere(log: Log) -> None:
    log[first(log, "task_started")]["progress"] = 0.5


def kept_by_nothing(log: Log) -> None:
    log[first(log, "task_interrupted")]["progress"] = 0.5


def saved_by_what_does_not_run(log: Log) -> None:
    start = log[first(log, "task_started")]
    fields = {name: start[name] for name in ("task", "vm", "attempt")}
    index = first(log, "task_started")
    log.insert(index, {"t": start["t"], "event": "checkpoint_taken", **fields, "progress": 0.0})


def saved_before_it_is_done(log: Log) -> None:
    index = first(log, "task_started")
    fields = {name: log[index][name] for name in ("task", "vm", "attempt")}
    log.insert(index + 1, {"t": log[index]["t"], "event": "checkpoint_taken", **fields, "progress": 0.5})


def one_vm_dearer(log: Log) -> None:
    log[first(log, "vm_terminated")]["cost"] += 0.001


def one_dearer_and_another_cheaper(log: Log) -> None:
    """The sum is right, and the VMs are not."""
    ends = [one for one in log if one["event"] == "vm_terminated"]
    ends[0]["cost"] += 0.001
    ends[1]["cost"] -= 0.001


def billed_asleep(log: Log) -> None:
    """A VM is said to have come back as soon as it fell asleep: all it slept would be paid for."""
    resumed = log[first(log, "vm_resumed")]
    resumed["t"] = next(
        one["t"] for one in log if one["event"] == "vm_hibernated" and one["vm"] == resumed["vm"]
    )
    log.sort(key=lambda one: one["t"])


def hibernated_on_demand(log: Log) -> None:
    launched = log[first(log, "vm_launched")]
    launched["market"] = "on-demand"
    launched["price"] = ENVIRONMENT.instance_types[launched["type"]].price(Market.ON_DEMAND)


def begun_before_the_start(log: Log) -> None:
    log.insert(first(log, "vm_launched"), log.pop(0))


def unheard_of(log: Log) -> None:
    log[first(log, "vm_ready")]["event"] = "vm_cheered"


def of_no_type(log: Log) -> None:
    log[first(log, "vm_launched")]["type"] = "huge"


def _decisions(log: Log, action: str) -> list[int]:
    return [index for index, one in enumerate(log) if one["event"] == "decision" and one["action"] == action]


def launched_by_nobody(log: Log) -> None:
    del log[_decisions(log, "launch")[0]]


def ended_by_nobody(log: Log) -> None:
    del log[_decisions(log, "terminate")[0]]


def begun_by_nobody(log: Log) -> None:
    del log[_decisions(log, "assign")[0]]


def never_published(log: Log) -> None:
    del log[_decisions(log, "publish")[0]]


def published_before_its_end(log: Log) -> None:
    log.insert(first(log, "task_finished"), log.pop(_decisions(log, "publish")[0]))


def launched_twice(log: Log) -> None:
    index = _decisions(log, "launch")[0]
    log.insert(index, dict(log[index]))


def published_twice(log: Log) -> None:
    index = _decisions(log, "publish")[0]
    log.insert(index, dict(log[index]))


def without_a_reason(log: Log) -> None:
    log[_decisions(log, "assign")[0]]["reason"] = ""


def with_more_time(log: Log) -> None:
    log[0]["deadline"] += 100


def quick_to_boot(log: Log) -> None:
    ready = log[first(log, "vm_ready")]
    ready["t"] -= 10
    log.sort(key=lambda one: one["t"])


def test_a_sound_log_has_no_faults() -> None:
    assert checked(sound_log()) == []


FAULTS: dict[Callable[[Log], None], str] = {
    dearer: "the cost is",
    later: "the makespan is",
    missed: "deadline_met is False",
    unordered: "comes after",
    without_boot: "is booting",
    left_alive: "outlives the run",
    in_one_slot: "slot 0 of",
    in_a_slot_too_many: "has no slot 7",
    finished_twice: "does not run",
    unfinished: "outlives",
    cheaper: "which is not its type's price",
    too_many: "VMs of type",
    awake_in_its_sleep: "is hibernated",
    unheard_of: "there is no event vm_cheered",
    begun_before_the_start: "decision before the run's start",
    too_soon: "s awake, not",
    slept_through: "s awake, not",
    too_late: "s awake, not",
    from_nowhere: "goes on at 0.5, which no checkpoint has kept",
    kept_by_nothing: "keeps 0.5, which no checkpoint has kept",
    saved_by_what_does_not_run: "does not run",
    saved_before_it_is_done: "and saves 0.5",
    one_vm_dearer: "has cost",
    one_dearer_and_another_cheaper: "has cost",
    billed_asleep: "has cost",
    hibernated_on_demand: "is on demand, and is hibernated",
    of_no_type: "is of type huge, which is not offered",
    launched_by_nobody: "nobody has decided to launch",
    ended_by_nobody: "nobody has decided to terminate",
    begun_by_nobody: "nobody has decided to assign",
    never_published: "has finished, and is not published",
    published_before_its_end: "is published, and has not finished",
    launched_twice: "it is decided twice to launch",
    published_twice: "it is decided twice to publish",
    without_a_reason: "the decision to assign has no reason",
    with_more_time: "the deadline is 500.0, not 600.0",
    quick_to_boot: "is ready after 50.0 s, not 60.0",
}


@pytest.mark.parametrize("plant", FAULTS)
def test_a_planted_fault_is_found(plant: Callable[[Log], None]) -> None:
    log = sound_log()
    plant(log)
    assert any(FAULTS[plant] in fault for fault in checked(log))


def test_memory_is_summed_over_what_runs() -> None:
    assert check_log(sound_log(), job(*[100.0] * 6, memory=3000.0), ENVIRONMENT)


def test_vcpus_are_summed_over_all_vms() -> None:
    assert check_log(sound_log(), JOB, ENVIRONMENT, vcpu_limit=1)

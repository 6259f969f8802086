"""Runs of the published job in which all VMs of a type were lost at bad moments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.simulation import OnLoss, Scope, Setting, simulate
from airflow_provider_hads.simulation.traces import Trace
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.planning_examples import published_request
from tests.support.simulated_jobs import environment, job

HARD = [(1 / 540, 0.0, 479), (1 / 420, 1 / 420, 517)]
"""Hibernation rate, resume rate, number of the run: its fleet came to be launched with no slack at all."""


@pytest.mark.parametrize(("hibernation_rate", "resume_rate", "run"), HARD)
def test_a_plan_that_is_begun_when_it_is_due_is_kept_to(
    hibernation_rate: float, resume_rate: float, run: int
) -> None:
    request = published_request("552p", 2700)
    world = Setting(hibernation_rate, resume_rate, Scope.TYPE, boot=180.0)
    mission = Mission(request.job, request.environment, "adaptive", boot=180.0)

    assert simulate(mission, 2700.0, world, run).deadline_met


def test_a_vm_that_wakes_has_done_nothing_in_its_sleep() -> None:
    """A plan was made just after the resume, before the VM was heard; then it fell asleep again."""
    bag = job(5, 5, 5, 5, 5, 5, 287, memory=100)
    mission = Mission(bag, environment(limit=2), "uniform-progress", boot=60.0)
    mission = replace(mission, keeps_progress=True)
    deadline = 2 * (fastest_seconds(mission) + mission.safety)
    world = Setting(0.01, 0.0005, Scope.VM, OnLoss.HIBERNATE, boot=60.0, checkpoint=0.0, seed=184593)

    assert simulate(mission, deadline, world).deadline_met


def test_the_longest_task_is_left_for_the_vm_on_which_it_is_in_time() -> None:
    """There is no time to spare: the first free slot is too slow for it."""
    bag = job(121, 121, 121, 121, 201)
    mission = Mission(bag, environment(limit=1), "uniform-progress", boot=60.0)
    deadline = fastest_seconds(mission) + mission.safety

    assert simulate(mission, deadline, Setting(boot=60.0)).deadline_met


def test_what_a_dropped_attempt_has_done_is_not_taken_for_lost() -> None:
    """Its last checkpoint is not heard of yet when another VM takes the task over: no miss is announced."""
    bag = job(62, 201, 5, 5, 62, 62, 62, 111, 111, 62, memory=(100.0, 900.0, 2500.0))
    mission = Mission(bag, environment(limit=3, both=5), "adaptive", boot=60.0, vcpu_limit=16)
    mission = replace(mission, keeps_progress=True)
    deadline = fastest_seconds(mission) + mission.safety
    run = HandDrivenRun(mission, deadline, Setting(boot=60.0, checkpoint=0.0))

    run.finish()

    assert run.met
    assert run.ledger.miss is None


def test_a_slot_is_not_filled_before_its_turn_with_the_memory_of_another_slots_task() -> None:
    """There is no time to spare, and large tasks run one after the other in a slot, beside small ones."""
    runtimes = [202, 49, 210, 121, 298, 5, 5, 94, 304, 115, 211, 5, 192, 211, 5, 324]
    bag = job(*map(float, runtimes), memory=(100.0, 900.0, 2500.0))
    mission = Mission(bag, environment(limit=1, both=1), "hads", boot=60.0)
    deadline = fastest_seconds(mission) + mission.safety

    assert simulate(mission, deadline, Setting(boot=60.0)).deadline_met


@pytest.mark.parametrize("policy", policy_names())
def test_a_small_vm_does_not_take_the_last_place_from_a_large_one(policy: str) -> None:
    """One on-demand VM may run, and one task is due: a small VM costs less for it, and is as quick."""
    bag = job(400, 300, 300, 300, on_big=1.0)
    mission = Mission(bag, environment(limit=1, both=1), policy, boot=60.0)
    deadline = fastest_seconds(mission) + mission.safety

    no_spot = dict.fromkeys(("small", "big"), Trace(60.0, (0,)))

    assert simulate(mission, deadline, Setting(traces=no_spot, boot=60.0)).deadline_met


@pytest.mark.parametrize("policy", policy_names())
def test_who_is_behind_takes_no_place_from_a_large_vm_either(policy: str) -> None:
    """One on-demand VM may run; with two slots instead of four the work takes twice as long."""
    mission = Mission(job(*[300] * 12, on_big=1.0), environment(limit=1, both=1), policy, boot=60.0)
    deadline = 1.5 * (fastest_seconds(mission) + mission.safety)
    no_spot = dict.fromkeys(("small", "big"), Trace(60.0, (0,)))

    assert simulate(mission, deadline, Setting(traces=no_spot, boot=60.0)).deadline_met

"""Runs with little time to spare: what was recoverable at its start is in time, whatever is lost."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_provider_hads.simulation import Outcome, simulate
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import plan_if_any
from tests.support.tight_runs import TightRun, tight_run

HARD = (262, 420, 1378, 1874, 2953, 3017, 3100, 3559, 3938)
"""Seeds of runs whose way out could not be found again where it was planned anew."""

NO_BOOT = (74, 529, 552, 553, 685, 748, 783, 892, 1032, 1054, 1717, 2246, 2710, 2731, 2910)
"""The same where VMs take no time to boot: some launched and ended VMs for ever, all at one moment."""


OTHERS = (("hads", 1614), ("burst-hads", 6735), ("uniform-progress", 1011), ("uniform-progress", 1069))
"""Runs of other policies: VMs that were launched before they were due took the places of those that the way
out needed, or stood idle until they were due."""


def simulated(run: TightRun) -> Outcome:
    vms = plan_if_any(run.mission, run.deadline, run.planner)
    return simulate(run.mission, run.deadline, run.world, events=True, vms=vms)


@pytest.mark.parametrize("seed", [*HARD, *NO_BOOT])
def test_a_way_out_that_was_known_is_not_lost(seed: int) -> None:
    run = tight_run(seed, "adaptive")
    assert run is not None
    assert simulated(run).deadline_met


@pytest.mark.parametrize(("policy", "seed"), OTHERS)
def test_what_is_begun_before_it_is_due_leaves_the_way_out(policy: str, seed: int) -> None:
    run = tight_run(seed, policy)
    assert run is not None
    assert simulated(run).deadline_met


def test_work_leaves_an_on_demand_vm_only_for_a_slot_that_it_gets() -> None:
    """Its longest task slept on another VM, too: the free spot slot was kept for one that waited."""
    run = tight_run(1475, "adaptive")
    assert run is not None
    assert simulated(run).deadline_met


@pytest.mark.parametrize("policy", ["adaptive", "hads", "burst-hads", "uniform-progress"])
@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6))
def test_a_run_that_was_recoverable_at_its_start_is_in_time(policy: str, seed: int) -> None:
    run = tight_run(seed, policy)
    assume(run is not None)
    assert run is not None
    outcome = simulated(run)
    mission = run.mission
    faults = check_log(
        outcome.events,
        mission.job,
        mission.environment,
        vcpu_limit=mission.vcpu_limit,
        deadline=run.deadline,
        boot=mission.boot,
    )
    assert faults == []
    assert outcome.deadline_met

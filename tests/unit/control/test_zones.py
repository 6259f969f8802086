"""Where VMs are launched: spread over the zones, away from those that have just lost some."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.zones import AVOIDED, zone_for
from airflow_provider_hads.model import Market
from airflow_provider_hads.simulation import Scope, Setting, simulate
from airflow_provider_hads.simulation.machine import Machine, Phase
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job

JOB = job(*[200.0] * 60)
MISSION = Mission(JOB, environment(limit=4), boot=60.0, zones=("a", "b", "c"))
DEADLINE = 1200.0


def begun(mission: Mission = MISSION) -> HandDrivenRun:
    """Return a run whose first spot VMs work."""
    run = HandDrivenRun(mission, DEADLINE, Setting(boot=60.0))
    run.pass_time(100.0)
    return run


def zones(machines: list[Machine]) -> Counter[str]:
    return Counter(machine.shown.zone for machine in machines)


def next_zone(run: HandDrivenRun, later: float = 0.0) -> str:
    kind = run.mission.types["small"]
    return zone_for(run.ledger, kind, Market.SPOT, run.cloud.now + later)


def test_vms_are_spread_over_the_zones() -> None:
    counts = zones(begun().machines(Phase.UP)).values()

    assert len(counts) > 1
    assert max(counts) - min(counts) <= 1


def test_the_cloud_chooses_where_no_zones_are_given() -> None:
    run = begun(replace(MISSION, zones=()))

    assert next_zone(run) == ""
    assert set(zones(run.machines(Phase.UP))) == {"a"}


def test_there_is_no_choice_of_one() -> None:
    assert next_zone(begun(replace(MISSION, zones=("b",)))) == "b"


def test_a_zone_that_has_lost_a_vm_is_avoided_for_a_while() -> None:
    run = begun()
    run.cloud.interrupt([one for one in run.machines(Phase.UP) if one.shown.zone == "a"], run.cloud.now)
    run.settle()

    assert next_zone(run) != "a"
    assert next_zone(run, later=2 * AVOIDED) != "a", "its VM still sleeps"


def test_a_zone_whose_vms_have_come_back_is_one_like_the_others() -> None:
    run = begun()
    lost = [one for one in run.machines(Phase.UP) if one.shown.zone == "a"]
    run.cloud.interrupt(lost, run.cloud.now)
    run.settle()
    run.cloud.resume([one for one in lost if one.phase is Phase.ASLEEP], run.cloud.now)
    run.settle()
    fewest = min(MISSION.zones, key=lambda zone: zones(run.machines(Phase.UP, Phase.BOOTING))[zone])

    assert next_zone(run) == fewest


def test_where_all_zones_have_lost_vms_it_is_the_one_that_did_so_first() -> None:
    run = begun()
    for zone in "bca":
        lost = [one for one in run.machines(Phase.UP, Phase.BOOTING) if one.shown.zone == zone]
        for machine in lost:
            run.cloud.take_away(machine, run.cloud.now, 0.0)
        run.settle()
        run.cloud.advance(run.cloud.now + 5.0)

    assert next_zone(run) == "b"


def test_a_type_that_one_zone_has_none_of_is_asked_for_in_the_next() -> None:
    run = HandDrivenRun(MISSION, DEADLINE, Setting(boot=60.0))
    first = next_zone(run)
    run.ledger.pauses[f"small/spot/{first}"] = run.cloud.now + 30.0

    assert next_zone(run) != first
    assert next_zone(run, later=31.0) == first


@pytest.mark.parametrize("policy", ["adaptive", "hads", "burst-hads", "uniform-progress"])
def test_runs_of_all_policies_are_sound_where_zones_are_lost(policy: str) -> None:
    mission = replace(MISSION, policy=policy)
    outcome = simulate(mission, 1800.0, Setting(1 / 900, scope=Scope.ZONE, boot=60.0), events=True)

    assert outcome.deadline_met
    assert check_log(outcome.events, JOB, MISSION.environment) == []

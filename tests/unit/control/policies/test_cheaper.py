"""On-demand VMs that are cheaper than any spot VM are taken first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import Scope, Setting, simulate
from airflow_provider_hads.simulation.experiment import on_demand_cost
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job

QUICK = InstanceType(
    "quick", 2, 4000.0, 10.0, {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}, dict.fromkeys(Market, 4)
)
TINY = InstanceType("tiny", 1, 1000.0, 10.0, {Market.ON_DEMAND: 0.01}, {Market.ON_DEMAND: 2})
TASKS = {name: Task(name, "true", 100, {"quick": 100.0, "tiny": 120.0}) for name in "abcdef"}
MISSION = Mission(
    Job("7", "cheap", TASKS),
    Environment({"quick": QUICK, "tiny": TINY}, dict.fromkeys(Market, 4)),
    boot=60.0,
)


def launched(deadline: float, mission: Mission = MISSION, world: Setting | None = None) -> list[Any]:
    """Return the type and market of each VM of a sound run that meets its deadline."""
    outcome = simulate(mission, deadline, world or Setting(boot=60.0), events=True)
    assert check_log(outcome.events, mission.job, mission.environment) == []
    assert outcome.deadline_met
    events = [event for event in outcome.events if event["event"] == "vm_launched"]
    return [(event["type"], event["market"]) for event in events]


def test_a_run_costs_no_more_than_on_demand_only_where_an_on_demand_type_is_cheapest() -> None:
    assert launched(1000.0) == [("tiny", "on-demand")]
    cost = simulate(MISSION, 1000.0, Setting(boot=60.0)).cost
    assert cost == pytest.approx(on_demand_cost(MISSION, 1000.0, Setting(boot=60.0)))


def test_there_are_as_many_of_them_as_the_deadline_needs() -> None:
    assert launched(500.0) == [("tiny", "on-demand")] * 2


def test_what_they_can_not_do_in_time_runs_on_spot() -> None:
    assert launched(300.0).count(("tiny", "on-demand")) == 2
    assert ("quick", "spot") in launched(300.0)
    assert ("tiny", "on-demand") not in launched(190.0), "one would be too slow for any task"


def test_they_take_no_place_that_the_way_out_needs() -> None:
    one = replace(MISSION.environment, global_limits={Market.SPOT: 4, Market.ON_DEMAND: 1})
    types = launched(560.0, replace(MISSION, environment=one), Setting(1 / 100, 0.0, boot=60.0))
    assert ("tiny", "on-demand") not in types
    assert ("quick", "on-demand") in types


def test_work_that_keeps_its_progress_is_not_moved_from_them_to_spot() -> None:
    kept = replace(MISSION, keeps_progress=True)
    long = {name: Task(name, "true", 100, {"quick": 1000.0, "tiny": 1200.0}) for name in "ab"}
    mission = replace(kept, job=Job("7", "long", long))
    assert launched(5000.0, mission, Setting(boot=60.0, checkpoint=0.0)) == [("tiny", "on-demand")]


@pytest.mark.parametrize("seed", range(6))
def test_one_that_is_launched_for_frozen_tasks_is_used_for_them(seed: int) -> None:
    """It is not ended for want of work, to be launched again: where VMs boot at once, that had no end."""
    mission = Mission(job(*[1000.0] * 8), environment(both=2), boot=0.0)
    deadline = 2 * fastest_seconds(mission) + mission.safety
    never_resumed = Setting(1 / 60, 0.0, Scope.TYPE, boot=0.0, seed=seed)

    outcome = simulate(mission, deadline, never_resumed)

    assert outcome.deadline_met
    assert outcome.vms < 20

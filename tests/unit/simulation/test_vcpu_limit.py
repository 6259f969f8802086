"""A limit of vCPUs that holds while spot VMs are ended for on-demand ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.mission import ENDING, Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.simulation import Scope, Setting
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job

BAG = job(*[300.0] * 12, *[150.0] * 12)
MISSION = Mission(BAG, environment(), boot=60.0, vcpu_limit=12)


@pytest.mark.parametrize("policy", ["adaptive", "uniform-progress", "hads", "burst-hads"])
@pytest.mark.parametrize("seed", range(8))
def test_a_vm_that_is_being_ended_counts_until_it_has_ended_and_the_deadline_holds(
    policy: str, seed: int
) -> None:
    mission = replace(MISSION, policy=policy)
    deadline = 1.5 * (fastest_seconds(mission) + mission.safety)
    world = Setting(1 / 500, 1 / 2000, Scope.TYPE, boot=60.0, seed=seed)
    run = HandDrivenRun(mission, deadline, world, ending=ENDING)
    run.finish()
    assert check_log(run.log.events, BAG, mission.environment, vcpu_limit=12) == []
    assert run.met


def test_where_the_limit_can_not_be_reached_nothing_is_begun_earlier() -> None:
    assert replace(MISSION, vcpu_limit=1000).ahead == replace(MISSION, vcpu_limit=None).ahead == 60
    assert MISSION.ahead == 60 + ENDING

"""Tasks take other times than estimated, by a lognormal factor; deadlines hold all the same."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.simulation import Setting, simulate
from airflow_provider_hads.simulation.setting import SCENARIOS
from tests.support.planning_examples import published_request


@pytest.mark.parametrize("scenario", ["c2", "c4", "c5"])
def test_with_a_tenth_in_reserve_deadlines_are_met(scenario: str) -> None:
    """The reserve is over the quickest plan that there is, by the estimates, with its boot and margin."""
    request = published_request("552p", 2700)
    mission = Mission(request.job, request.environment)
    deadline = 1.1 * (fastest_seconds(mission) + mission.safety)
    world = Setting(*SCENARIOS[scenario], estimate_error=0.2)
    missed = [run for run in range(20) if not simulate(mission, deadline, world, run).deadline_met]
    assert missed == []

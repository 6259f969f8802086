"""Runs of the published job in which all VMs of a type were lost at bad moments."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.simulation import Scope, Setting, simulate
from tests.support.planning_examples import published_request

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

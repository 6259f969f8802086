"""From a run's inputs to the planner's request."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import cast

from airflow_provider_hads.model.settings import Settings
from airflow_provider_hads.planning.choices import PlanChoices
from airflow_provider_hads.runtime.scheduling import plan_request
from airflow_provider_hads.runtime.workshop import Workshop
from tests.support.planning_examples import environment, job


def test_a_planner_is_given_the_clock_that_its_time_limit_goes_by() -> None:
    workshop = SimpleNamespace(inputs=SimpleNamespace(settings=Settings()), run=SimpleNamespace(deadline=900))
    choices = PlanChoices("packing", time_limit=2.5)
    request = plan_request(cast(Workshop, workshop), environment(), job([100]), choices)
    assert (request.time_limit, request.clock) == (2.5, time.monotonic)

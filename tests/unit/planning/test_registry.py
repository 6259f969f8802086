"""Planners by name."""

from __future__ import annotations

import pytest

from airflow_provider_hads.exceptions import HadsError, UnknownPlanner
from airflow_provider_hads.planning import PlanRequest, get_planner, planner_names
from tests.support.planning_examples import environment, job


def test_every_planner_says_its_name_in_its_plan() -> None:
    request = PlanRequest(job([100, 50]), environment(), deadline=1000)
    assert [get_planner(name)(request).planner for name in planner_names()] == planner_names()


def test_names_may_be_in_capitals() -> None:
    assert get_planner("CC") is get_planner("cc")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownPlanner, match="unknown planner 'magic'; choose one of cc, ils, on-demand"
    ) as caught:
        get_planner("magic")
    assert isinstance(caught.value, HadsError)
    assert (caught.value.name, caught.value.known) == ("magic", planner_names())

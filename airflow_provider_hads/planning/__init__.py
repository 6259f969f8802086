"""Planning: from a job, an environment and a deadline to a plan."""

from __future__ import annotations

from airflow_provider_hads.planning.registry import Planner, get_planner, planner_names
from airflow_provider_hads.planning.request import Objective, PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.table import render_plan

__all__ = [
    "Objective",
    "PlanRequest",
    "Planner",
    "SpotDeadlineRule",
    "get_planner",
    "planner_names",
    "render_plan",
]

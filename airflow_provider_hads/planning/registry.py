"""All planners by name, behind one interface."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_hads.exceptions import UnknownPlanner
from airflow_provider_hads.model import Plan
from airflow_provider_hads.planning.cc import plan_cc
from airflow_provider_hads.planning.ils import plan_ils
from airflow_provider_hads.planning.on_demand import plan_on_demand
from airflow_provider_hads.planning.packing.planner import plan_packing
from airflow_provider_hads.planning.request import PlanRequest

__all__ = ["Planner", "get_planner", "planner_names"]


class Planner(Protocol):
    """Makes a plan: every task once, within the limits, spot work by D_spot and all work by the deadline.

    A planner is pure: the same request gives the same plan.
    """

    def __call__(self, request: PlanRequest) -> Plan:
        """Return the plan.

        :raises InfeasibleJob: it found none.
        """


_PLANNERS: dict[str, Planner] = {
    "cc": plan_cc,
    "ils": plan_ils,
    "on-demand": plan_on_demand,
    "packing": plan_packing,
}


def get_planner(name: str) -> Planner:
    """Return a planner by its name, in capitals or not (``setup.cfg`` has ``CC``).

    :raises UnknownPlanner: there is none of that name.
    """
    planner = _PLANNERS.get(name.lower())
    if planner is None:
        raise UnknownPlanner(name, planner_names())
    return planner


def planner_names() -> list[str]:
    """Return the names of all planners."""
    return list(_PLANNERS)

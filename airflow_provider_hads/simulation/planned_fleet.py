"""The VMs that a run starts with, where its policy follows a plan."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.planned import planned_vms
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.planning import Objective, PlanRequest, SpotDeadlineRule, get_planner

__all__ = ["PLANNERS", "planned_fleet"]

PLANNERS: Mapping[str, str] = {"burst-hads": "ils", "hads": "cc"}
"""The policies that follow a plan, each with the planner that was published with it."""


def planned_fleet(
    mission: Mission,
    deadline: float,
    planner: str | None = None,
    *,
    alpha: float = 0.5,
    burstable_factor: float = 0.2,
    max_iteration: int = 200,
) -> tuple[VmRecord, ...]:
    """Return the VMs of a plan whose spot work can be made good at every moment; none for other policies.

    :param deadline: seconds from the run's start.
    :param planner: a registered name; None is the one that was published with the policy.
    :param alpha: weight of the cost, of planner ``ils``.
    :param burstable_factor: burstable VMs as a share of the others, of planner ``ils``.
    :param max_iteration: iterations of planner ``ils``.
    :raises InfeasibleJob: there is no such plan.
    """
    if mission.policy not in PLANNERS:
        return ()
    name = planner or PLANNERS[mission.policy]
    request = PlanRequest(
        mission.job,
        mission.environment,
        deadline - mission.safety,
        lead_time=mission.boot,
        parallel=mission.parallel,
        spot_deadline=SpotDeadlineRule.SAFE,
        boot=mission.boot,
        reaction=mission.reaction,
        vcpu_limit=mission.vcpu_limit,
        alpha=alpha,
        burstable_factor=burstable_factor,
        max_iteration=max_iteration,
        objective=Objective.WEIGHTED if name == "ils" else Objective.COST,
    )
    return planned_vms(get_planner(name)(request))

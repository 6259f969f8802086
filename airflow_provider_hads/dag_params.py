"""The params of a job's DAG that choose its plan, and who decides while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Param

from airflow_provider_hads.model.settings import LONGEST_ALLOCATION_CYCLE, InputSettings, SchedulerSettings

if TYPE_CHECKING:
    from airflow_provider_hads.inputs import JobInputs

__all__ = ["PLAN_TEMPLATES", "plan_params", "policy_params"]

PLAN_TEMPLATES = {
    name: f"{{{{ params.{name} }}}}"
    for name in ("planner", "use_map", "spot_deadline", "objective", "seed", "time_limit")
}
"""What ``schedule`` takes from the params."""


def plan_params(inputs: JobInputs | None) -> dict[str, Param]:
    """Return the params that say how the plan is made; the most used ones first.

    :param inputs: the job's files; None where they have errors.
    """
    return {**_main_params(inputs), **_further_params(inputs)}


def policy_params(inputs: JobInputs | None) -> dict[str, Param]:
    """Return the params that say who decides while the run goes on.

    :param inputs: the job's files; None where they have errors.
    """
    from airflow_provider_hads.control.policies import run_policy_names

    settings = inputs.settings.scheduler if inputs else SchedulerSettings()
    cycle = (inputs.settings.input if inputs else InputSettings()).ac_size_seconds
    return {
        "policy": Param(
            settings.policy,
            type="string",
            enum=run_policy_names(),
            title="Policy",
            description_md="Who decides while the run goes on. `adaptive`: the cheapest choice that keeps "
            "the deadline safe. `hads`: tasks stay on a hibernated VM until the latest safe time. "
            "`burst-hads`: they are moved at once. `on-demand-only`: no spot VMs but those of the plan. "
            "`follow-plan`: the plan to the letter; tasks of a VM that is lost fail.",
        ),
        "allocation_cycle": Param(
            cycle,
            type="number",
            exclusiveMinimum=0,
            maximum=LONGEST_ALLOCATION_CYCLE,
            title="Allocation cycle",
            description_md="Seconds. The published policies, `hads` and `burst-hads`, keep an idle VM to the "
            "end of its cycle.",
            section="Advanced",
        ),
        "hibernation_rate": _rate("Hibernation rate", "Interruptions a second of each spot VM"),
        "resume_rate": _rate("Resume rate", "Resumes a second of each hibernated spot VM"),
    }


def _rate(title: str, what: str) -> Param:
    return Param(
        0.0,
        type="number",
        minimum=0,
        maximum=1,
        title=title,
        description_md=f"{what} that the local cloud makes at random while the run goes on. A real cloud is "
        "not asked: a run with a rate is refused there.",
        section="Local cloud",
    )


def _main_params(inputs: JobInputs | None) -> dict[str, Param]:
    from airflow_provider_hads.planning import planner_names

    planners = planner_names()
    settings = inputs.settings.scheduler if inputs else SchedulerSettings()
    return {
        "use_map": Param(
            inputs is not None and inputs.plan is not None,
            type="boolean",
            title="Use the given plan",
            description_md="Follow the folder's `map.json` instead of planning anew; off without one.",
        ),
        "planner": Param(
            settings.name if settings.name in planners else planners[0],
            type="string",
            enum=planners,
            title="Planner",
            description_md="Who makes the plan, where no given one is used.",
        ),
        "spot_deadline": Param(
            "safe",
            type="string",
            enum=["safe", "published"],
            title="Rule for D_spot",
            description_md="How the latest end of spot work is found. `safe`: at any moment the loss of all "
            "spot VMs can be made good before the deadline. `published`: as the original does it.",
        ),
    }


def _further_params(inputs: JobInputs | None) -> dict[str, Param]:
    parallel = inputs.settings.scheduler.allow_parallel_execution if inputs else True
    return {
        "objective": Param(
            "default",
            type="string",
            enum=["default", "cost", "makespan", "weighted"],
            title="Objective",
            description_md="What the planner makes small. `default`: its own, the weighted one for `ils`, "
            "the cost for others. `weighted`: alpha x cost + (1 - alpha) x makespan / D_spot.",
            section="Planning",
        ),
        "sequential": Param(
            not parallel,
            type="boolean",
            title="One task a VM at a time",
            description_md="Plan and run one task a VM at a time, instead of one a core.",
            section="Planning",
        ),
        "seed": Param(
            0,
            type="integer",
            minimum=0,
            maximum=2**31 - 1,
            title="Seed",
            description_md="For planners that choose at random: the same seed gives the same plan.",
            section="Planning",
        ),
        "time_limit": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            maximum=3600,
            title="Time limit",
            description_md="Seconds that a searching planner may take; empty leaves it its own limit.",
            section="Planning",
        ),
    }

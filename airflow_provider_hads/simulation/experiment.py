"""Many simulated runs of one job, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.simulation.billing import Billing
from airflow_provider_hads.simulation.run import Outcome, simulate
from airflow_provider_hads.simulation.setting import Setting

__all__ = ["Experiment", "Summary", "on_demand_cost", "run_experiment"]


@dataclass(frozen=True)
class Experiment:
    """A job in a world.

    :param deadline: seconds from the run's start.
    :param runs: how many.
    :param vms: those of a plan, where the policy follows one.
    """

    mission: Mission
    deadline: float
    setting: Setting
    runs: int = 100
    vms: tuple[VmRecord, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What the runs of an experiment come to.

    :param billing: how the VMs were paid for.
    :param on_demand_cost: what policy ``on-demand-only`` pays; None if it can't meet the deadline.
    """

    outcomes: Sequence[Outcome]
    on_demand_cost: float | None
    billing: Billing = Billing.PER_SECOND

    def to_json(self) -> dict[str, Any]:
        """Return the figures as a JSON-able document."""
        met = sum(one.deadline_met for one in self.outcomes)
        mean = sum(one.cost for one in self.outcomes) / len(self.outcomes)
        return {
            "runs": len(self.outcomes),
            "deadline_met": met / len(self.outcomes),
            "deadlines_met": met,
            "misses_announced": _said([one.miss_said_at for one in self.outcomes]),
            "unfinished": sum(one.unfinished for one in self.outcomes) / len(self.outcomes),
            "cost": _spread([one.cost for one in self.outcomes]),
            "makespan": _spread([one.makespan for one in self.outcomes]),
            "billing": self.billing.value,
            "on_demand_cost": self.on_demand_cost,
            "cost_share": mean / self.on_demand_cost if self.on_demand_cost else None,
            **{
                name: sum(getattr(one, name) for one in self.outcomes) / len(self.outcomes)
                for name in ("interruptions", "hibernations", "resumes", "migrations", "steals", "vms")
            },
        }


def run_experiment(experiment: Experiment, tick: Callable[[int], None] = lambda done: None) -> Summary:
    """Simulate all runs.

    :param tick: called after each run with the number done.
    """
    outcomes = []
    for run in range(experiment.runs):
        outcomes.append(
            simulate(experiment.mission, experiment.deadline, experiment.setting, run, vms=experiment.vms)
        )
        tick(run + 1)
    setting = experiment.setting
    base = on_demand_cost(experiment.mission, experiment.deadline, setting)
    return Summary(outcomes, base, setting.billing)


def on_demand_cost(mission: Mission, deadline: float, setting: Setting) -> float | None:
    """Return what policy ``on-demand-only`` pays in this world, with right estimates."""
    world = Setting(boot=setting.boot, billing=setting.billing)
    try:
        outcome = simulate(replace(mission, policy="on-demand-only"), deadline, world)
    except InfeasibleJob:
        return None
    return outcome.cost if outcome.deadline_met else None


def _said(moments: Sequence[float | None]) -> dict[str, float | None]:
    """Return how many misses were announced, and when on average (seconds from a run's start)."""
    said = [moment for moment in moments if moment is not None]
    return {"count": len(said), "mean": sum(said) / len(said) if said else None}


def _spread(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "mean": sum(ordered) / len(ordered),
        "p50": ordered[(len(ordered) - 1) // 2],
        "p95": ordered[-(-len(ordered) * 95 // 100) - 1],
        "max": ordered[-1],
    }

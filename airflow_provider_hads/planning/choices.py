"""What a user chooses of a plan, on the command line or as DAG params, from text to a request."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_hads.exceptions import InputError, InputErrors, UnknownPlanner
from airflow_provider_hads.model import Environment, Job
from airflow_provider_hads.model.settings import Settings
from airflow_provider_hads.planning.registry import get_planner
from airflow_provider_hads.planning.request import Objective, PlanRequest, SpotDeadlineRule

__all__ = [
    "ChoiceReader",
    "PlanChoices",
    "objective_name",
    "planner_name",
    "read_choices",
    "seconds",
    "spot_deadline_rule",
    "whole_number",
]

Value = TypeVar("Value")


@dataclass(frozen=True)
class PlanChoices:
    """What a user chooses of a plan, beside its deadline.

    :param planner: a registered name.
    :param objective: None is the planner's own: the weighted fitness for ``ils``, the cost for others.
    :param sequential: one task a VM, even if the settings allow one a core.
    :param time_limit: seconds that a searching planner may take.
    """

    planner: str
    spot_deadline: SpotDeadlineRule = SpotDeadlineRule.SAFE
    objective: Objective | None = None
    sequential: bool = False
    seed: int = 0
    time_limit: float | None = None

    def request(
        self,
        job: Job,
        environment: Environment,
        settings: Settings,
        *,
        deadline: float,
        lead_time: float,
        clock: Callable[[], float] | None = None,
    ) -> PlanRequest:
        """Return the planner's request.

        :param deadline: seconds from the run's start.
        :param lead_time: seconds from the run's start until the VMs are ready.
        :param clock: returns seconds; without it the time limit is not kept.
        """
        scheduler, ec2 = settings.scheduler, settings.ec2
        return PlanRequest(
            job=job,
            environment=environment,
            deadline=deadline,
            lead_time=lead_time,
            parallel=scheduler.allow_parallel_execution and not self.sequential,
            spot_deadline=self.spot_deadline,
            objective=self.objective or _own_objective(self.planner),
            alpha=scheduler.alpha,
            seed=self.seed,
            time_limit=self.time_limit,
            clock=clock,
            boot=ec2.boot_overhead,
            reaction=scheduler.reaction,
            vcpu_limit=ec2.vcpu_limits,
            burstable_factor=scheduler.burstable_factor,
            max_iteration=scheduler.max_iteration,
        )


def read_choices(
    source: str,
    *,
    planner: str,
    spot_deadline: str,
    objective: str | None,
    seed: str,
    time_limit: str | None,
) -> PlanChoices:
    """Read choices from text.

    :param source: where the text comes from, for messages.
    :raises InputErrors: all that is wrong with it.
    """
    reader = ChoiceReader(source)
    name = reader.read("planner", planner, planner_name)
    rule = reader.read("spot_deadline", spot_deadline, spot_deadline_rule)
    aim = reader.read("objective", objective, objective_name)
    number = reader.read("seed", seed, whole_number)
    limit = reader.read("time_limit", time_limit, seconds)
    reader.finish()
    return PlanChoices(
        name or planner, rule or SpotDeadlineRule.SAFE, aim, seed=number or 0, time_limit=limit
    )


def _own_objective(planner: str) -> Objective:
    return Objective.WEIGHTED if planner == "ils" else Objective.COST


class ChoiceReader:
    """Turns text into values, and keeps all that is wrong with it.

    :param source: where the text comes from, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._errors: list[InputError] = []

    def read(self, field: str, text: str | None, convert: Callable[[str], Value]) -> Value | None:
        """Return the value, or None where there is no text or it is wrong."""
        try:
            return None if text is None else convert(text)
        except ValueError as error:
            self._errors.append(InputError(self._source, field, str(error)))
            return None

    def finish(self) -> None:
        """Do nothing if all was right.

        :raises InputErrors: all that was not.
        """
        if self._errors:
            raise InputErrors(self._errors)


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{text!r} is not right; give seconds, a number above 0")
    return value


def whole_number(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise ValueError(f"{text!r} is not right; give a whole number, 0 or more")
    return int(text)


def planner_name(text: str) -> str:
    """Read the name of a registered planner, in capitals or not."""
    try:
        get_planner(text)
    except UnknownPlanner as error:
        raise ValueError(str(error)) from None
    return text.lower()


def spot_deadline_rule(text: str) -> SpotDeadlineRule:
    """Read the name of a rule for D_spot."""
    if text not in list(SpotDeadlineRule):
        raise ValueError(f"{text!r} is not right; choose one of {', '.join(SpotDeadlineRule)}")
    return SpotDeadlineRule(text)


def objective_name(text: str) -> Objective:
    """Read the name of an objective."""
    if text not in list(Objective):
        raise ValueError(f"{text!r} is not right; choose one of {', '.join(Objective)}")
    return Objective(text)

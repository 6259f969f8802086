"""From the command line of ``airflow hads plan`` to a planner's request."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_hads.commands.output_file import distinct, output_path
from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.inputs import JobInputs, load_job_folder
from airflow_provider_hads.planning import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.choices import (
    ChoiceReader,
    PlanChoices,
    objective_name,
    planner_name,
    seconds,
    spot_deadline_rule,
    whole_number,
)

__all__ = ["PlanOptions", "read_options"]


@dataclass(frozen=True)
class PlanOptions:
    """What is to be planned, by whom, and where the plan goes.

    :param planner: a registered name.
    :param output: where the map is to be written.
    :param plot: where the plot is to be written.
    """

    request: PlanRequest
    planner: str
    output: Path | None
    plot: Path | None
    as_json: bool


def read_options(args: argparse.Namespace) -> PlanOptions:
    """Check the command line and read the job's files.

    :raises InputErrors: all that is wrong with the command line, or else with the files.
    """
    reader = ChoiceReader("command line")
    given_deadline = reader.read("--deadline", args.deadline, seconds)
    planner = reader.read("--planner", args.planner, planner_name)
    rule = reader.read("--spot-deadline", args.spot_deadline, spot_deadline_rule)
    objective = reader.read("--objective", args.objective, objective_name)
    seed = reader.read("--seed", args.seed, whole_number)
    time_limit = reader.read("--time-limit", args.time_limit, seconds)
    output = reader.read("--output", args.output, output_path)
    plot = reader.read("--plot", args.plot, output_path)
    outputs = {"--output": output, "--plot": plot}
    reader.read(", ".join(outputs), "", lambda _: distinct(outputs))
    reader.finish()

    inputs = _load(args, has_deadline=given_deadline is not None)
    choices = PlanChoices(
        planner=planner or inputs.settings.scheduler.name,
        spot_deadline=rule or SpotDeadlineRule.SAFE,
        objective=objective,
        sequential=args.sequential,
        seed=seed or 0,
        time_limit=time_limit,
    )
    deadline = given_deadline or _deadline(inputs)
    request = choices.request(
        inputs.job,
        inputs.environment,
        inputs.settings,
        deadline=deadline,
        lead_time=0.0,
        clock=time.monotonic,
    )
    return PlanOptions(request, choices.planner, output, plot, args.json)


def _load(args: argparse.Namespace, *, has_deadline: bool) -> JobInputs:
    """Read the job's files; a map that is there only for its deadline, if nothing else gives one."""

    def load(with_map: bool) -> JobInputs:
        return load_job_folder(
            Path(args.job_dir),
            job_file=args.job,
            env_file=args.env,
            with_application_files=False,
            with_map=with_map,
        )

    inputs = load(with_map=False)
    return inputs if has_deadline or inputs.deadline is not None else load(with_map=True)


def _deadline(inputs: JobInputs) -> float:
    if inputs.deadline is None:
        problem = (
            "there is no deadline; give --deadline, or [input] deadline_seconds in setup.cfg, or a map.json"
        )
        raise InputErrors([InputError("command line", "--deadline", problem)])
    return inputs.deadline

"""From the command line of ``airflow hads simulate`` to an experiment."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from airflow_provider_hads.commands.output_file import distinct, output_path
from airflow_provider_hads.commands.simulate_values import (
    HIGHEST_RATE,
    LARGEST_SIGMA,
    at_least_one,
    checkpoint_period,
    deadline_seconds,
    not_negative,
    one_of,
    policy_name,
    scenario,
    trace,
    up_to,
    zone_names,
)
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.exceptions import InfeasibleJob, InputError, InputErrors
from airflow_provider_hads.inputs import JobInputs, load_job_folder
from airflow_provider_hads.model.settings import SchedulerSettings
from airflow_provider_hads.planning.choices import ChoiceReader, planner_name, whole_number
from airflow_provider_hads.simulation import Billing, Experiment, OnLoss, Scope, Setting
from airflow_provider_hads.simulation.planned_fleet import PLANNERS, planned_fleet
from airflow_provider_hads.simulation.traces import Trace

__all__ = ["SimulateOptions", "read_options"]


@dataclass(frozen=True)
class SimulateOptions:
    """What is to be simulated, and where the results go.

    :param events: where the event log of run ``run`` is to be written.
    :param plot: where its picture is to be written.
    :param plot_costs: where the costs by all policies are to be drawn.
    :param others: the same experiment by the other policies, if their costs are to be drawn.
    :param missing: why there is none, by policy.
    """

    experiment: Experiment
    events: Path | None
    plot: Path | None
    run: int
    as_json: bool
    plot_costs: Path | None = None
    others: Mapping[str, Experiment] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def read_options(args: argparse.Namespace) -> SimulateOptions:
    """Check the command line and read the job's files.

    :raises InputErrors: all that is wrong with the command line, or else with the files.
    """
    reader = ChoiceReader("command line")
    reader.read("--planner", args.planner, planner_name)
    policy = reader.read("--policy", args.policy, policy_name) or ""
    deadline = reader.read("--deadline", args.deadline, deadline_seconds)
    boot = reader.read("--boot", args.boot, not_negative)
    runs = reader.read("--runs", args.runs, at_least_one)
    run = reader.read("--run", args.run, whole_number)
    events = reader.read("--events", args.events, output_path)
    plot = reader.read("--plot", args.plot, output_path)
    plot_costs = reader.read("--plot-costs", args.plot_costs, output_path)
    outputs = {"--events": events, "--plot": plot, "--plot-costs": plot_costs}
    reader.read(", ".join(outputs), "", lambda _: distinct(outputs))
    setting = _setting(args, reader)
    zones = reader.read("--zones", args.zones, zone_names) or ()
    traces = [reader.read("--trace", name, trace) for name in args.trace or ()]
    reader.finish()

    inputs = _load(args.job_dir, has_deadline=deadline is not None)
    boot = inputs.settings.ec2.boot_overhead if boot is None else boot
    mission = Mission(
        inputs.job,
        inputs.environment,
        policy,
        boot=boot,
        parallel=inputs.settings.scheduler.allow_parallel_execution,
        vcpu_limit=inputs.settings.ec2.vcpu_limits,
        keeps_progress=setting.checkpoint == 0,
        cycle=inputs.settings.input.ac_size_seconds,
        idle_slack=inputs.settings.input.idle_slack_time,
        zones=zones,
    )
    by_type = _by_type(mission, [one for one in traces if one is not None])
    world = replace(setting, boot=boot, traces=by_type)
    deadline = deadline or _deadline(inputs)

    def by(name: str) -> Experiment:
        one = replace(mission, policy=name)
        return _experiment(one, deadline, world, runs or 1, args.planner, inputs)

    own = by(policy)
    others, missing = _others(by, policy) if plot_costs is not None else ({}, {})
    return SimulateOptions(own, events, plot, run or 0, args.json, plot_costs, others, missing)


def _others(by: Callable[[str], Experiment], policy: str) -> tuple[dict[str, Experiment], dict[str, str]]:
    """Return the experiments of the other policies, and why some can't be made: there is no plan for them."""
    experiments, missing = {}, {}
    for name in policy_names():
        try:
            if name != policy:
                experiments[name] = by(name)
        except InfeasibleJob as error:
            missing[name] = str(error)
    return experiments, missing


def _experiment(
    mission: Mission, deadline: float, world: Setting, runs: int, planner: str | None, inputs: JobInputs
) -> Experiment:
    """Return the runs of one policy, with the VMs of a plan where it follows one."""
    planner, scheduler = (planner or _planner(mission.policy, inputs)).lower(), inputs.settings.scheduler
    vms = planned_fleet(
        mission,
        deadline,
        planner,
        alpha=scheduler.alpha,
        burstable_factor=scheduler.burstable_factor,
        max_iteration=scheduler.max_iteration,
    )
    return Experiment(mission, deadline, world, runs, vms)


def _planner(policy: str, inputs: JobInputs) -> str:
    """Return the planner of a policy's own publication; that of setup.cfg where it names another."""
    named = inputs.settings.scheduler.name
    return named if named != SchedulerSettings().name else PLANNERS.get(policy, named)


def _one_world(_text: str, args: argparse.Namespace) -> None:
    """Refuse more than one source of interruptions: they would contradict each other."""
    rates = args.hibernation_rate is not None or args.resume_rate is not None
    if sum((args.scenario is not None, rates, args.trace is not None)) > 1:
        raise ValueError("give one of --scenario, --hibernation-rate with --resume-rate, or --trace")


def _setting(args: argparse.Namespace, reader: ChoiceReader) -> Setting:
    reader.read("--scenario, --trace", "", lambda text: _one_world(text, args))
    rates = reader.read("--scenario", args.scenario, scenario) or (
        reader.read("--hibernation-rate", args.hibernation_rate, up_to(HIGHEST_RATE)) or 0.0,
        reader.read("--resume-rate", args.resume_rate, up_to(HIGHEST_RATE)) or 0.0,
    )
    default = "terminate" if args.trace else "hibernate"
    on_loss = default if args.on_loss is None else args.on_loss
    checkpoint = reader.read("--checkpoint", args.checkpoint, checkpoint_period)
    return Setting(
        hibernation_rate=rates[0],
        resume_rate=rates[1],
        scope=reader.read("--scope", args.scope, one_of(Scope)) or Scope.VM,
        on_loss=reader.read("--on-loss", on_loss, one_of(OnLoss)) or OnLoss.HIBERNATE,
        checkpoint=None if checkpoint is None or checkpoint < 0 else checkpoint,
        estimate_error=reader.read("--estimate-error", args.estimate_error, up_to(LARGEST_SIGMA)) or 0.0,
        billing=reader.read("--billing", args.billing, one_of(Billing)) or Billing.PER_SECOND,
        seed=reader.read("--seed", args.seed, whole_number) or 0,
    )


def _by_type(mission: Mission, traces: Sequence[Trace]) -> Mapping[str, Trace]:
    """Return the trace of each spot type.

    :raises InputErrors: there are more than one, but not one for each.
    """
    names = [kind.name for kind in mission.spot_types]
    if len(traces) < 2:
        return {name: one for name in names for one in traces}
    if len(traces) != len(names):
        problem = (
            f"{len(traces)} traces for the job's {len(names)} spot types; give one for all, or one for each, "
            f"in this order: {', '.join(names)}"
        )
        raise InputErrors([InputError("command line", "--trace", problem)])
    return dict(zip(names, traces, strict=True))


def _load(job_dir: str, *, has_deadline: bool) -> JobInputs:
    inputs = load_job_folder(Path(job_dir), with_application_files=False, with_map=False)
    if has_deadline or inputs.deadline is not None:
        return inputs
    return load_job_folder(Path(job_dir), with_application_files=False, with_map=True)


def _deadline(inputs: JobInputs) -> float:
    if inputs.deadline is None:
        problem = (
            "there is no deadline; give --deadline, or [input] deadline_seconds in setup.cfg, or a map.json"
        )
        raise InputErrors([InputError("command line", "--deadline", problem)])
    return inputs.deadline

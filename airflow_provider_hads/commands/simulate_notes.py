"""What was asked of ``airflow hads simulate`` that changes nothing, so that nobody believes it did."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from airflow_provider_hads.simulation.planned_fleet import PLANNERS

__all__ = ["without_effect"]


def without_effect(args: argparse.Namespace) -> Iterator[str]:
    """Yield one line for each option of a right command line that has no effect, and why."""
    for option, reason in (*_of_interruptions(args), *_of_plans(args), *_of_pictures(args)):
        yield f"command line: {option}: no effect: {reason}"


def _of_interruptions(args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    rate = float(args.hibernation_rate or 0)
    if args.resume_rate is not None and not rate:
        yield "--resume-rate", "no VM is interrupted without --hibernation-rate"
    elif args.resume_rate is not None and args.on_loss == "terminate":
        yield "--resume-rate", "a VM that is terminated does not come back"
    interrupted = rate or args.scenario not in (None, "baseline")
    if args.scope is not None and args.trace is not None:
        yield "--scope", "a trace is that of a whole type"
    elif args.scope is not None and not interrupted:
        yield "--scope", "no VM is interrupted"
    if args.on_loss is not None and not interrupted and args.trace is None:
        yield "--on-loss", "no VM is interrupted"


def _of_plans(args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if args.planner is not None and args.policy not in PLANNERS and args.plot_costs is None:
        yield "--planner", f"only the policies {' and '.join(sorted(PLANNERS))} follow a plan"


def _of_pictures(args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if args.run is not None and args.events is None and args.plot is None:
        yield "--run", "it says which run --events and --plot show"

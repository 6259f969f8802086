"""``airflow hads ...``: the provider's commands, each loaded when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, CLICommand, GroupCommand

__all__ = ["get_hads_cli_commands"]

_COMMANDS = "airflow_provider_hads.commands"


def get_hads_cli_commands() -> list[CLICommand]:
    """Return the command group ``hads`` (provider info, key ``cli``)."""
    from airflow.cli.cli_config import GroupCommand

    group: Callable[..., GroupCommand] = GroupCommand
    return [
        group(
            name="hads",
            help="Jobs with a deadline on spot VMs",
            subcommands=(_check(), _plan(), _simulate(), _reap(), _local_cloud()),
        ),
    ]


def _check() -> ActionCommand:
    from airflow.cli.cli_config import ActionCommand, lazy_load_command

    from airflow_provider_hads.commands.check import get_check_arguments

    action: Callable[..., ActionCommand] = ActionCommand
    return action(
        name="check",
        help="Read a job's folder and say what is in it, or what is wrong with it",
        description="Nothing is launched. Exit code 1, and one line for each error, if anything is wrong.",
        func=lazy_load_command(f"{_COMMANDS}.check.check"),
        args=get_check_arguments(),
    )


def _plan() -> ActionCommand:
    from airflow.cli.cli_config import ActionCommand, lazy_load_command

    from airflow_provider_hads.commands.plan import DESCRIPTION, get_plan_arguments

    action: Callable[..., ActionCommand] = ActionCommand
    return action(
        name="plan",
        help="Make the plan of a job, show it, and write its map and its plot",
        description=DESCRIPTION,
        func=lazy_load_command(f"{_COMMANDS}.plan.plan"),
        args=get_plan_arguments(),
    )


def _simulate() -> ActionCommand:
    from airflow.cli.cli_config import ActionCommand, lazy_load_command

    from airflow_provider_hads.commands.simulate import DESCRIPTION, get_simulate_arguments

    action: Callable[..., ActionCommand] = ActionCommand
    return action(
        name="simulate",
        help="Run a job many times in a simulated cloud: what it costs, and whether the deadline holds",
        description=DESCRIPTION,
        func=lazy_load_command(f"{_COMMANDS}.simulate.simulate"),
        args=get_simulate_arguments(),
    )


def _reap() -> ActionCommand:
    from airflow.cli.cli_config import ActionCommand, lazy_load_command

    from airflow_provider_hads.commands.reap import DESCRIPTION, get_reap_arguments

    action: Callable[..., ActionCommand] = ActionCommand
    return action(
        name="reap",
        help="End what dead deployments have left in the cloud",
        description=DESCRIPTION,
        func=lazy_load_command(f"{_COMMANDS}.reap.reap"),
        args=get_reap_arguments(),
    )


def _local_cloud() -> GroupCommand:
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

    from airflow_provider_hads.commands.local_cloud import COMMANDS

    action: Callable[..., ActionCommand] = ActionCommand
    argument: Callable[..., Arg] = Arg
    group: Callable[..., GroupCommand] = GroupCommand
    subcommands = tuple(
        action(
            name=command.name,
            help=command.help,
            func=lazy_load_command(f"{command.run.__module__}.{command.run.__name__}"),
            args=tuple(argument(option.flags, **option.settings) for option in command.options),
        )
        for command in COMMANDS
    )
    return group(name="local-cloud", help="A cloud in a box, on this machine", subcommands=subcommands)

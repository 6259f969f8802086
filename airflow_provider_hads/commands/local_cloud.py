"""``local-cloud up | down | status | ...``: the command line of the local cloud."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from airflow_provider_hads.commands.local_cloud_bill import BILL_COMMANDS
from airflow_provider_hads.commands.local_cloud_command import STATE_DIR, Command, option, run, seconds
from airflow_provider_hads.commands.local_cloud_trouble import TROUBLE_COMMANDS

__all__ = ["COMMANDS", "down", "main", "status", "up"]


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 0 to 65535, 0 for a free one")
    return int(text)


def up(args: argparse.Namespace) -> None:
    """Start the local cloud in the background, or say that it is up."""
    run(_up, args)


def down(args: argparse.Namespace) -> None:
    """End the local cloud and all that it has left behind."""
    run(_down, args)


def status(args: argparse.Namespace) -> None:
    """List the local cloud's VMs."""
    run(_status, args)


def _up(args: argparse.Namespace) -> None:
    from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
    from airflow_provider_hads.local_cloud.startup import running_server
    from airflow_provider_hads.local_cloud.state import StateFolder, default_state_folder

    options = UpOptions(
        port=args.port,
        vm_image=args.vm_image,
        images=args.image or (),
        prices=args.prices,
        boot_seconds=args.boot_seconds,
        relaunch_seconds=args.relaunch_seconds,
        events=args.events,
    )
    was_up = running_server(StateFolder(args.state_dir or default_state_folder())) is not None
    cloud = LocalCloud.start(args.state_dir, options)
    print(f"The local cloud is up: {cloud.endpoint_url}, AMI {cloud.image_id}, bucket {cloud.bucket}")
    print(f"Use it: . {cloud.state_dir / 'environment'}")
    if was_up and replace(options, images=()) != UpOptions():
        print("It was up already: only --image has had an effect. For the other options, `down` it first.")


def _down(args: argparse.Namespace) -> None:
    from airflow_provider_hads.local_cloud import LocalCloud

    count = LocalCloud.remove(args.state_dir)
    print(f"The local cloud is down; {count} VM{'' if count == 1 else 's'} removed.")


def _status(args: argparse.Namespace) -> None:
    from airflow_provider_hads.local_cloud import LocalCloud
    from airflow_provider_hads.local_cloud.startup import running_server
    from airflow_provider_hads.local_cloud.state import StateFolder, default_state_folder

    up = running_server(StateFolder(args.state_dir or default_state_folder())) is not None
    cloud = LocalCloud.attach(args.state_dir) if up else None
    if args.json:
        print(json.dumps(_document(cloud), indent=2))
    elif cloud is None:
        print("No local cloud is running.")
    else:
        _print_table(cloud)


def _document(cloud: Any) -> dict[str, Any]:
    if cloud is None:
        return {"up": False, "vms": []}
    return {
        "up": True,
        "endpoint_url": cloud.endpoint_url,
        "vm_endpoint_url": cloud.vm_endpoint_url,
        "image_id": cloud.image_id,
        "bucket": cloud.bucket,
        "state_dir": str(cloud.state_dir),
        "vms": [asdict(vm) for vm in cloud.vms()],
    }


def _print_table(cloud: Any) -> None:
    vms = cloud.vms()
    print(f"The local cloud is up: {cloud.endpoint_url}, AMI {cloud.image_id}, bucket {cloud.bucket}")
    if not vms:
        print("No VMs.")
        return
    row = "{:<20} {:<14} {:<12} {:<10} {:<16} {:>7}  {}"
    print(row.format("VM", "STATE", "TYPE", "MARKET", "ADDRESS", "AGE", "NAME"))
    for vm in vms:
        state = "hibernated" if vm.hibernated else vm.state
        cells = (vm.instance_id, state, vm.instance_type, vm.market, vm.address or "-", f"{vm.age:.0f} s")
        print(row.format(*cells, vm.name))


COMMANDS = (
    Command(
        "up",
        "Start the local cloud in the background",
        up,
        (
            STATE_DIR,
            option("--port", "Port of the API on 127.0.0.1; default: a free one", type=_port, default=0),
            option("--image", "Docker image to put into the bucket for tasks; repeatable", action="append"),
            option("--vm-image", "Docker image of the VMs; default: $HADS_VM_IMAGE or hads-vm:latest"),
            option("--prices", "An env.json whose prices replace the built-in ones", type=Path),
            option("--boot-seconds", "Least seconds from launch to running", type=seconds, default=0.0),
            option(
                "--relaunch-seconds",
                "Seconds until a persistent spot request launches its next VM",
                type=seconds,
                default=2.0,
            ),
            option("--events", "Tell EC2's events to an SQS queue that jobs listen to", action="store_true"),
        ),
    ),
    Command("down", "End the local cloud, its VMs, disks and network", down, (STATE_DIR,)),
    Command(
        "status",
        "List the local cloud's VMs",
        status,
        (STATE_DIR, option("--json", "As JSON", action="store_true")),
    ),
    *BILL_COMMANDS,
    *TROUBLE_COMMANDS,
)


def _serve(args: argparse.Namespace) -> None:
    """Run the server in this process; what ``up`` starts in the background."""
    from airflow_provider_hads.local_cloud.lifecycle import Timing
    from airflow_provider_hads.local_cloud.server import ServerOptions, serve
    from airflow_provider_hads.local_cloud.state import StateFolder

    timing = Timing(args.boot_seconds, args.relaunch_seconds)
    serve(StateFolder(args.state_dir), ServerOptions(args.port, args.vm_image, args.prices, timing))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local-cloud", description="A cloud in a box: EC2, S3 and VMs.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # ``serve`` is how ``up`` calls this program again; it is not for users, so it has no help.
    serve = Command("serve", "", _serve, COMMANDS[0].options)
    for command in (*COMMANDS, serve):
        help_text: dict[str, Any] = {"help": command.help} if command.help else {}
        subparser = subparsers.add_parser(command.name, description=command.help, **help_text)
        subparser.set_defaults(run=command.run)
        for one in command.options:
            subparser.add_argument(*one.flags, **one.settings)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    :param arguments: the command line; None is the process's own.
    :return: exit code.
    """
    args = _parser().parse_args(arguments)
    args.run(args)
    sys.stdout.flush()
    return 0

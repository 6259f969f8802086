"""``local-cloud interrupt | resume | hazard | ...``: what can go wrong on a cloud, on demand."""

from __future__ import annotations

import argparse
from pathlib import Path

from airflow_provider_hads.commands.local_cloud_command import (
    STATE_DIR,
    Command,
    attached,
    option,
    run,
    seconds,
)
from airflow_provider_hads.exceptions import InputError

__all__ = [
    "TROUBLE_COMMANDS",
    "fault",
    "hazard",
    "host_key",
    "interrupt",
    "no_capacity",
    "remove_bucket",
    "resume",
    "ssh",
]

EC2_NOTICE_SECONDS = 120.0
"""What EC2 gives before it stops or terminates a spot instance."""


def interrupt(args: argparse.Namespace) -> None:
    """Interrupt a spot VM."""
    run(_interrupt, args)


def resume(args: argparse.Namespace) -> None:
    """Bring a stopped or hibernated VM back."""
    run(_resume, args)


def hazard(args: argparse.Namespace) -> None:
    """Interrupt and resume spot VMs by rates or by a trace."""
    run(_hazard, args)


def fault(args: argparse.Namespace) -> None:
    """Let a share of the EC2 calls go wrong."""
    run(_fault, args)


def no_capacity(args: argparse.Namespace) -> None:
    """Have no capacity of an instance type."""
    run(_no_capacity, args)


def ssh(args: argparse.Namespace) -> None:
    """Let VMs refuse SSH."""
    run(_ssh, args)


def host_key(args: argparse.Namespace) -> None:
    """Give a VM another host key."""
    run(_host_key, args)


def remove_bucket(args: argparse.Namespace) -> None:
    """Delete the bucket with all that is in it."""
    run(_remove_bucket, args)


def _interrupt(args: argparse.Namespace) -> None:
    cloud = attached(args)
    if args.rebalance:
        cloud.recommend_rebalance(args.vm)
        print(f"{args.vm}: rebalance recommended")
        if args.action is None:
            return
    notice = args.notice
    if notice is None:
        notice = EC2_NOTICE_SECONDS if args.action in ("stop", "terminate") else 0.0
    action = cloud.interrupt(args.vm, args.action, notice)
    print(f"{args.vm}: {action}{f' in {notice:g} s, as its notice says' if notice else ''}")


def _resume(args: argparse.Namespace) -> None:
    attached(args).resume(args.vm, args.fresh_boot)
    print(f"{args.vm}: {'booted afresh, its memory is gone' if args.fresh_boot else 'goes on'}")


def _hazard(args: argparse.Namespace) -> None:
    cloud = attached(args)
    by_rate = args.hibernation_rate is not None or args.termination_rate > 0
    if args.off + by_rate + (args.trace is not None) != 1:
        raise InputError("hazard", "", "give --hibernation-rate (and --resume-rate), or --trace, or --off")
    if args.off:
        cloud.end_hazard()
        print("No hazard any more; what sleeps goes on sleeping.")
    elif args.trace is not None:
        cloud.hazard_of_trace(args.trace, args.seed, args.speed)
        print(f"Spot VMs follow {args.trace}.")
    else:
        cloud.hazard(args.hibernation_rate or 0.0, args.resume_rate, args.termination_rate, args.seed)
        print("Spot VMs are interrupted and resumed at these rates.")


def _fault(args: argparse.Namespace) -> None:
    cloud = attached(args)
    if args.off:
        cloud.clear_faults()
        print("No faults any more, and capacity of all types.")
        return
    if args.api is None or args.rate is None:
        raise InputError("fault", "", "give --api and --rate, or --off")
    cloud.fault_rate(args.api, args.rate, args.seed, args.delay)
    print(f"{args.rate:.0%} of the EC2 calls: {args.api}")


def _no_capacity(args: argparse.Namespace) -> None:
    attached(args).no_capacity(args.what, args.off)
    print(f"{'Capacity' if args.off else 'No capacity'} of {args.what}")


def _ssh(args: argparse.Namespace) -> None:
    cloud = attached(args)
    (cloud.accept_ssh if args.accept else cloud.refuse_ssh)(args.vm)
    print(f"{args.vm or 'All VMs'}: SSH {'accepted' if args.accept else 'refused'}")


def _host_key(args: argparse.Namespace) -> None:
    attached(args).change_host_key(args.vm)
    print(f"{args.vm}: has another host key")


def _remove_bucket(args: argparse.Namespace) -> None:
    cloud = attached(args)
    cloud.remove_bucket()
    print(f"Bucket {cloud.bucket} is gone.")


_VM = option("vm", "Instance id, VM id or name")
_ANY_VM = option("vm", "Instance id, VM id or name; without: all, those to come included", nargs="?")
_OFF = option("--off", "End it", action="store_true")
_SEED = option("--seed", "Seed of the draws; default: another one each time", type=int)
_RATE = {"type": float, "metavar": "PER_SECOND"}

TROUBLE_COMMANDS = (
    Command(
        "interrupt",
        "Hibernate, stop or terminate a spot VM, as EC2 does when it wants the capacity back",
        interrupt,
        (
            _VM,
            STATE_DIR,
            option(
                "--action",
                "What happens to it; default: what its spot request says",
                choices=("hibernate", "stop", "terminate"),
            ),
            option(
                "--notice",
                "Seconds from the notice to a stop or termination; default with --action: 120, as on EC2",
                type=seconds,
            ),
            option(
                "--rebalance",
                "Send a rebalance recommendation first; without --action nothing else happens",
                action="store_true",
            ),
        ),
    ),
    Command(
        "resume",
        "Bring a hibernated or stopped VM back, with another address",
        resume,
        (
            _VM,
            STATE_DIR,
            option("--fresh-boot", "Its memory is gone: hibernation had failed", action="store_true"),
        ),
    ),
    Command(
        "hazard",
        "Interrupt and resume spot VMs at random, or by a recorded trace",
        hazard,
        (
            STATE_DIR,
            option("--hibernation-rate", "Interruptions of each running VM", **_RATE),
            option("--resume-rate", "Resumes of each VM that sleeps", default=0.0, **_RATE),
            option("--termination-rate", "Terminations of each running VM", default=0.0, **_RATE),
            option("--trace", "JSON file with the VMs available at each tick, instead of rates", type=Path),
            option("--speed", "Seconds of the trace in one second", type=float, default=1.0),
            _SEED,
            _OFF,
        ),
    ),
    Command(
        "fault",
        "Let a share of the EC2 calls go wrong",
        fault,
        (
            STATE_DIR,
            option(
                "--api",
                "RequestLimitExceeded, InternalError, or an answer that is late",
                choices=("throttle", "error", "slow"),
            ),
            option("--rate", "Share of the calls, 0 to 1; 0 ends it", type=float),
            option("--delay", "Seconds by which a slow answer is late", type=seconds, default=2.0),
            _SEED,
            option("--off", "End all faults and shortages", action="store_true"),
        ),
    ),
    Command(
        "no-capacity",
        "Have no capacity of an instance type for launches",
        no_capacity,
        (option("what", "TYPE or TYPE:MARKET (spot, on-demand); * is any type"), STATE_DIR, _OFF),
    ),
    Command(
        "ssh",
        "Let a VM refuse SSH, or accept it again",
        ssh,
        (_ANY_VM, STATE_DIR, option("--accept", "Accept it again", action="store_true")),
    ),
    Command("host-key", "Give a VM another SSH host key", host_key, (_VM, STATE_DIR)),
    Command("remove-bucket", "Delete the bucket with all that is in it", remove_bucket, (STATE_DIR,)),
)

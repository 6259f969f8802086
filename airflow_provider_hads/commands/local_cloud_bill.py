"""``local-cloud bill``: what its VMs have cost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from airflow_provider_hads.commands.local_cloud_command import STATE_DIR, Command, attached, option, run

__all__ = ["BILL_COMMANDS", "bill"]


def bill(args: argparse.Namespace) -> None:
    """Tell what every VM has cost, those included that have ended."""
    run(_bill, args)


def _bill(args: argparse.Namespace) -> None:
    from airflow_provider_hads.local_cloud import total_cost

    items = attached(args).bill(args.run_id)
    if args.json:
        vms = [{**item.to_json(), "dollars": item.dollars} for item in items]
        print(json.dumps({"vms": vms, "total": total_cost(items)}, indent=2))
        return
    _print(items)
    print(f"Total: ${total_cost(items):.6f} for {len(items)} VM{'' if len(items) == 1 else 's'}")


def _print(items: Sequence[Any]) -> None:
    row = "{:<20} {:<12} {:<10} {:<20} {:<20} {:>9} {:>9} {:>10}  {}"
    print(row.format("VM", "TYPE", "MARKET", "LAUNCHED", "ENDED", "SECONDS", "$/H", "$", "NAME"))
    for item in items:
        ended = "-" if item.ended_at is None else f"{item.ended_at:%Y-%m-%d %H:%M:%S}"
        price = "?" if item.price is None else f"{item.price:.4f}"
        times = (f"{item.launched_at:%Y-%m-%d %H:%M:%S}", ended)
        cost = (f"{item.seconds:.0f}", price, f"{item.dollars:.6f}")
        print(row.format(item.instance_id, item.instance_type, item.market, *times, *cost, item.name))


BILL_COMMANDS = (
    Command(
        "bill",
        "Tell what every VM has cost, per second from launch to end, less the time it slept",
        bill,
        (
            STATE_DIR,
            option("--json", "As JSON", action="store_true"),
            option("--run", "Only VMs of this run: its name (<job>_<execution>) or uid", dest="run_id"),
        ),
    ),
)

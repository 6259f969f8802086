"""Writes job folders for tests: a few shell commands, and the VMs that they run on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ENVIRONMENT", "Machine", "environment_of", "rentable", "write_job_folder"]

MARKETS = ("on-demand", "preemptible")


def rentable(types: Mapping[str, tuple[float, float]], markets: Sequence[str] = MARKETS) -> dict[str, Any]:
    """Return types of two slots each, as ``env.json`` has them.

    :param types: by name, memory in GB and the on-demand price in $/h; spot VMs cost 40 % of it.
    :param markets: in which they can be rented: at most five of each type and market.
    """
    return {
        name: {
            "vcpu": 2,
            "memory": memory,
            "gflops": 48.0,
            "prices": {"on-demand": price, "preemptible": 0.4 * price},
            "restrictions": {
                "markets": {market: "yes" if market in markets else "no" for market in MARKETS},
                "limits": {market: 5 if market in markets else 0 for market in MARKETS},
            },
        }
        for name, (memory, price) in types.items()
    }


def environment_of(instances: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ``env.json`` with those types."""
    return {
        "global_limits": {"ec2": {"on-demand": 10, "preemptible": 10}},
        "instances": dict(instances),
    }


ENVIRONMENT = environment_of(rentable({"c5.large": (4.0, 0.085), "m5.large": (8.0, 0.096)}))
"""Two types of two slots each."""


@dataclass(frozen=True)
class Machine:
    """One VM of a job's ``map.json``.

    :param tasks: ids, in the order in which they start.
    """

    tasks: Sequence[str]
    market: str = "on-demand"
    instance_type: str = "c5.large"


def write_job_folder(
    folder: Path,
    commands: Mapping[str, str],
    machines: Sequence[Machine] = (),
    *,
    job_id: str,
    deadline: float = 300.0,
    runtime: float = 10.0,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    environment: Mapping[str, Any] = ENVIRONMENT,
) -> Path:
    """Write ``job.json``, ``env.json``, ``setup.cfg`` and, where there are machines, ``map.json``.

    :param folder: is made; its name becomes the DAG's.
    :param commands: shell commands by task id.
    :param machines: VMs of the given plan, called vm-0, vm-1 and so on.
    :param deadline: seconds.
    :param runtime: estimate for each task, seconds.
    :param settings: more of ``setup.cfg``, by section and key.
    :param environment: of ``env.json``.
    :return: the folder.
    """
    folder.mkdir(parents=True)
    _write(
        folder / "job.json",
        _job(job_id, folder.name, commands, dict.fromkeys(environment["instances"], runtime)),
    )
    _write(folder / "env.json", environment)
    if machines:
        _write(folder / "map.json", _map(job_id, machines, deadline, runtime))
    _write_settings(folder / "setup.cfg", deadline, settings or {})
    return folder


def _write_settings(path: Path, deadline: float, more: Mapping[str, Mapping[str, object]]) -> None:
    parser = ConfigParser(interpolation=None)
    parser.read_dict(
        {
            "input": {"deadline_seconds": f"{deadline:g}"},
            "docker": {"docker_image": "synthetic"},
            "ec2": {"boot_overhead": "5"},
            "scheduler": {"status_update_time": "1", "reaction": "3"},
        }
    )
    parser.read_dict(more)
    with path.open("w") as file:
        parser.write(file)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2))


def _job(
    job_id: str, name: str, commands: Mapping[str, str], runtimes: Mapping[str, float]
) -> dict[str, Any]:
    tasks = {
        task_id: {"memory": 32.0, "command": command, "runtime": runtimes}
        for task_id, command in commands.items()
    }
    return {"job_id": job_id, "job_name": name, "tasks": tasks}


def _map(job_id: str, machines: Sequence[Machine], deadline: float, runtime: float) -> dict[str, Any]:
    instances = {f"vm-{number}": _instance(machine, runtime) for number, machine in enumerate(machines)}
    return {"job_id": job_id, "deadline": deadline, "instances": instances}


def _instance(machine: Machine, runtime: float) -> dict[str, Any]:
    cores: dict[str, Any] = {"vcpu_0": {}, "vcpu_1": {}}
    for position, task_id in enumerate(machine.tasks):
        start = (position // 2) * runtime
        cores[f"vcpu_{position % 2}"][task_id] = {"start": start, "end": start + runtime}
    return {"type": machine.instance_type, "market": machine.market, "price": 0.1, "map": cores}

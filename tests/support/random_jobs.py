"""Random jobs of the kinds that planners find hard, by kind and seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.planning import PlanRequest

__all__ = ["KINDS", "random_request"]

Lengths = Callable[[random.Random], float]

KINDS = ("equal", "few", "lognormal", "correlated", "memory", "tight", "one-long", "limits", "vcpus")
"""What is special about a job: its runtimes, its memory, its deadline or its limits."""

VCPUS = (2, 2, 4, 4, 8, 8, 16)
MB_PER_VCPU = (1900, 3800, 7600)
MEAN = 300.0
"""Seconds of a mean task on a mean type."""
ROUNDS = 8.0
"""Tasks in a row on each core, where the deadline is not tight."""


def random_request(kind: str, tasks: int, types: int, seed: int) -> PlanRequest:
    """Return one random job with its environment and a deadline that can be met.

    :param kind: one of :data:`KINDS`.
    :param types: number of instance types.
    """
    rng = random.Random(f"{kind}/{tasks}/{types}/{seed}")
    kinds = [_instance_type(rng, index) for index in range(types)]
    job = _job(rng, kind, tasks, kinds)
    rounds = 2.2 if kind == "tight" else ROUNDS * rng.uniform(0.6, 1.6)
    share = {"tight": 0.8, "limits": 0.55}.get(kind, 0.3)
    environment = _limits(rng, kinds, tasks / rounds, share)
    longest = max(min(task.runtimes.values()) for task in job.tasks.values())
    deadline = max(rounds * MEAN * 1.1, longest * 1.6)
    vcpus = int(tasks / rounds * 1.6) + 16 if kind == "vcpus" else None
    return PlanRequest(job, environment, float(round(deadline)), vcpu_limit=vcpus)


def _instance_type(rng: random.Random, index: int) -> InstanceType:
    vcpus = rng.choice(VCPUS)
    on_demand = 0.045 * vcpus * rng.uniform(0.8, 1.3)
    prices = {
        Market.SPOT: round(on_demand * rng.uniform(0.28, 0.5), 4),
        Market.ON_DEMAND: round(on_demand, 4),
    }
    memory = float(vcpus * rng.choice(MB_PER_VCPU))
    return InstanceType(f"t{index}.x{vcpus}", vcpus, memory, 10.0 * vcpus, prices, {})


def _job(rng: random.Random, kind: str, tasks: int, kinds: list[InstanceType]) -> Job:
    speeds = [rng.uniform(0.8, 1.25) for _ in kinds]
    length, noise = _lengths(rng, kind)
    few: dict[float, dict[str, float]] = {}
    made = {}
    for index in range(tasks):
        seconds = length(rng) * (12 if kind == "one-long" and index == 0 else 1)
        runtimes = {
            one.name: round(max(seconds * speed * rng.uniform(1 - noise, 1 + noise), 1.0), 1)
            for one, speed in zip(kinds, speeds, strict=True)
        }
        if kind in ("equal", "few"):
            runtimes = few.setdefault(
                seconds, {name: float(round(value)) for name, value in runtimes.items()}
            )
        made[str(index)] = Task(str(index), "run", _memory(rng, kind, kinds), runtimes)
    return Job("1", kind, made)


def _lengths(rng: random.Random, kind: str) -> tuple[Lengths, float]:
    """Return the distribution of runtimes, and how much they differ from type to type."""
    if kind == "equal":
        return lambda _: MEAN, 0.1
    if kind == "few":
        choices = [round(rng.uniform(0.3, 2) * MEAN) for _ in range(rng.randint(2, 4))]
        return lambda draw: float(draw.choice(choices)), 0.1
    if kind == "tight":
        return lambda draw: MEAN * draw.uniform(0.6, 1.4), 0.05
    spread = rng.choice([0.3, 0.6])
    return lambda draw: MEAN * draw.lognormvariate(-spread * spread / 2, spread), (
        0.0 if kind == "correlated" else 0.15
    )


def _memory(rng: random.Random, kind: str, kinds: list[InstanceType]) -> float:
    """Return MB; of the kind "memory" a core's share of it does for few tasks only."""
    if kind != "memory":
        return round(rng.uniform(10, 400), 1)
    largest = max(one.memory for one in kinds)
    return round(min(rng.lognormvariate(8.3, 0.5), largest * 0.9), 1)


def _limits(rng: random.Random, kinds: list[InstanceType], cores: float, share: float) -> Environment:
    """Return the environment; each type alone has about the given share of the cores that are needed."""
    types = {}
    for one in kinds:
        most = max(1, round(cores * share * rng.uniform(0.5, 1.5) / one.vcpus))
        types[one.name] = InstanceType(
            one.name,
            one.vcpus,
            one.memory,
            one.gflops,
            one.prices,
            {Market.SPOT: most, Market.ON_DEMAND: most},
        )
    spot = sum(one.limits[Market.SPOT] for one in types.values())
    limits = {Market.SPOT: max(1, round(spot * rng.uniform(0.5, 1))), Market.ON_DEMAND: spot}
    return Environment(types, limits)

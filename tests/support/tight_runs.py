"""Random runs that have little time to spare, by seed: few VMs, long tasks, much that is lost."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.model import Burstable, Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import OnLoss, Scope, Setting

__all__ = ["TightRun", "tight_run"]

Draw = Callable[[], float]


@dataclass(frozen=True)
class TightRun:
    """A run that is recoverable at its start: with its deadline, on-demand VMs alone are in time.

    :param deadline: seconds from the run's start.
    :param planner: who makes a plan for policies that follow one; None is nobody.
    """

    mission: Mission
    world: Setting
    deadline: float
    planner: str | None


def tight_run(seed: int, policy: str) -> TightRun | None:
    """Return a run; None where on-demand VMs can't do the job at all."""
    rng = random.Random(f"guard/{seed}")
    environment = _environment(rng)
    job = _job(rng, environment)
    boot = rng.choice([0.0, 5.0, 30.0, 60.0, 60.0, 180.0])
    checkpoint = rng.choice([None, None, 0.0, 40.0])
    vcpu_limit = rng.choice([None, None, None, 4, 8, 12, 16])
    zones: tuple[str, ...] = rng.choice([(), (), ("a", "b")])
    reaction = rng.choice([0.0, 0.0, 0.0, 20.0])
    mission = Mission(
        job,
        environment,
        policy,
        boot=boot,
        reaction=reaction,
        vcpu_limit=vcpu_limit,
        zones=zones,
        keeps_progress=checkpoint == 0,
    )
    world = _world(rng, seed, boot, checkpoint)
    slack = rng.choice([1.0, 1.0, *(1 + rng.random() * most for most in (0.1, 0.5, 0.5, 3))])
    planner = rng.choice([None, None, None, "cc", "ils"])
    fastest = fastest_seconds(mission)
    if not math.isfinite(fastest):
        return None
    return TightRun(mission, world, slack * (fastest + mission.safety), planner)


def _world(rng: random.Random, seed: int, boot: float, checkpoint: float | None) -> Setting:
    scale = rng.choice([1, 1, 0.3, 3])
    return Setting(
        hibernation_rate=rng.choice([0.0, 1 / 2000, 1 / 500, 1 / 200, 1 / 60]) * scale,
        resume_rate=rng.choice([0.0, 1 / 2000, 1 / 500, 1 / 100]) * scale,
        scope=rng.choice(list(Scope)),
        on_loss=rng.choice(list(OnLoss)),
        boot=boot,
        checkpoint=checkpoint,
        notice=rng.choice([0.0, 0.0, 30.0, 120.0]),
        seed=seed,
    )


def _environment(rng: random.Random) -> Environment:
    count = rng.choice([1, 2, 2, 3, 4])
    memory_differs = rng.random() < 0.5
    types = [_instance_type(rng, index, count, memory_differs=memory_differs) for index in range(count)]
    if rng.random() < 0.2:
        limits = {Market.SPOT: 0, Market.ON_DEMAND: 3}
        prices = {Market.ON_DEMAND: 0.03}
        types.append(InstanceType("burst", 2, 4000.0, 10.0, prices, limits, Burstable(24.0, 0.2)))
    both = {Market.SPOT: rng.choice([1, 2, 4, 8, 20]), Market.ON_DEMAND: rng.choice([1, 2, 3, 4, 8, 20])}
    return Environment({kind.name: kind for kind in types}, both)


def _instance_type(rng: random.Random, index: int, count: int, *, memory_differs: bool) -> InstanceType:
    """Return a type; the first is offered in both markets, others may lack one."""
    vcpus = rng.choice([1, 2, 2, 4, 4, 8])
    on_demand = 0.05 * vcpus * rng.uniform(0.7, 1.4)
    spot = on_demand * rng.choice([0.3, 0.3, 0.4, 0.9, 1.2])
    memory = float(rng.choice([1000, 2000, 4000, 8000])) if memory_differs else 16000.0
    prices = {Market.ON_DEMAND: round(on_demand, 4)}
    limits = {Market.ON_DEMAND: rng.choice([1, 1, 2, 3, 4, 8])}
    if index == 0 or rng.random() < 0.85:
        prices[Market.SPOT] = round(spot, 4)
        limits[Market.SPOT] = rng.choice([1, 2, 4, 8])
    if count > 1 and rng.random() < 0.1 and index > 0:
        del prices[Market.ON_DEMAND], limits[Market.ON_DEMAND]
    return InstanceType(f"t{index}", vcpus, memory, 10.0 * vcpus, prices, limits)


def _job(rng: random.Random, environment: Environment) -> Job:
    """Return a job whose tasks may be unequal, large, quicker on some types, and without some types."""
    types = environment.instance_types
    count = rng.choice([1, 2, 3, 5, 8, 12, 20, 30, 45])
    seconds = _lengths(rng)
    sizes = rng.choice(["small", "small", "mid", "mixed", "mixed"])
    speeds = {name: rng.choice([1.0, 1.0, 0.9, rng.uniform(0.6, 1.5)]) for name in types}
    noise = rng.choice([0.0, 0.0, 0.1, 0.3])
    lacking = rng.random() < 0.15
    most = max(kind.memory for kind in types.values())
    tasks = {}
    for index in range(count):
        length = seconds(index)
        length = max(float(round(length)) if rng.random() < 0.8 else length, 1.0)
        memory = _memory(rng, sizes, most)
        runtimes = {
            name: max(length * speeds[name] * rng.uniform(1 - noise, 1 + noise), 0.5) for name in types
        }
        if lacking and len(runtimes) > 1 and rng.random() < 0.3:
            del runtimes[rng.choice(sorted(runtimes))]
        tasks[str(index)] = Task(str(index), "true", memory, runtimes)
    return Job("7", "tight", tasks)


def _lengths(rng: random.Random) -> Callable[[int], float]:
    """Return the seconds of a task by its number."""
    style = rng.choice(["equal", "uniform", "lognormal", "two", "onelong", "few"])
    base = rng.choice([20, 60, 150, 300, 900])
    two = [base * rng.uniform(0.2, 1), base * rng.uniform(1, 3)]
    few = [float(rng.randint(5, 400)) for _ in range(3)]

    def seconds(index: int) -> float:
        drawn = {
            "equal": base,
            "uniform": rng.uniform(5, 400),
            "lognormal": base * rng.lognormvariate(0, 0.6),
            "two": rng.choice(two),
            "onelong": base * (6 if index == 0 else rng.uniform(0.5, 1.5)),
            "few": rng.choice(few),
        }
        return drawn[style]

    return seconds


def _memory(rng: random.Random, sizes: str, most: float) -> float:
    """Return the MB of a task.

    :param most: MB of the largest type.
    """
    drawn = rng.choice([0.02, 0.1, 0.25, 0.6, 0.95]) * most
    return {"small": 100.0, "mid": most * 0.3, "mixed": drawn}[sizes]

"""Small jobs and environments for simulated runs."""

from __future__ import annotations

from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task

__all__ = ["environment", "job"]


def job(*runtimes: float, memory: float = 100.0) -> Job:
    """Return a job of tasks that take so long on type ``small``, and a tenth less on type ``big``."""
    tasks = {
        str(number): Task(str(number), "true", memory, {"small": seconds, "big": seconds * 0.9})
        for number, seconds in enumerate(runtimes)
    }
    return Job("7", "simulated", tasks)


def environment(*, limit: int = 4, both: int = 8, memory: float = 4000.0) -> Environment:
    """Return two types, of 2 and 4 vCPUs, of which so many may run at once in each market."""
    kinds = {
        name: InstanceType(
            name,
            vcpus,
            memory,
            10.0,
            {Market.SPOT: price * 0.3, Market.ON_DEMAND: price},
            {Market.SPOT: limit, Market.ON_DEMAND: limit},
        )
        for name, vcpus, price in (("small", 2, 0.1), ("big", 4, 0.22))
    }
    return Environment(kinds, {Market.SPOT: both, Market.ON_DEMAND: both})

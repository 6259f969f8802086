"""Short ways to write jobs and environments down."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from airflow_provider_hads.inputs.environment_file import parse_environment
from airflow_provider_hads.inputs.job_file import parse_job
from airflow_provider_hads.model import Burstable, Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.planning import PlanRequest

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "hads"


def instance_type(
    name: str = "small",
    *,
    vcpus: int = 2,
    memory: float = 4000,
    gflops: float = 10,
    spot: float | None = 0.03,
    on_demand: float | None = 0.1,
    limit: int | tuple[int, int] = 5,
    burstable: bool = False,
) -> InstanceType:
    """Return a type; ``limit`` is that of spot and of on-demand VMs, or of both."""
    prices = {Market.SPOT: spot, Market.ON_DEMAND: on_demand}
    limits = limit if isinstance(limit, tuple) else (limit, limit)
    return InstanceType(
        name,
        vcpus,
        memory,
        gflops,
        {market: price for market, price in prices.items() if price is not None},
        {Market.SPOT: limits[0], Market.ON_DEMAND: limits[1]},
        Burstable(24, 0.2) if burstable else None,
    )


def environment(*types: InstanceType, spot: int = 20, on_demand: int = 20) -> Environment:
    """Return an environment with limits over all types."""
    limits = {Market.SPOT: spot, Market.ON_DEMAND: on_demand}
    return Environment({kind.name: kind for kind in types or (instance_type(),)}, limits)


def job(runtimes: Iterable[float], memory: float = 100, types: Iterable[str] = ("small",)) -> Job:
    """Return a job with a task for each runtime, the same on all types."""
    names = list(types)
    tasks = {
        str(index): Task(str(index), "sh run.sh", memory, dict.fromkeys(names, runtime))
        for index, runtime in enumerate(runtimes)
    }
    return Job("7", "example", tasks)


def published_request(folder: str, deadline: float) -> PlanRequest:
    """Return the request for one of the published jobs, which may not be at hand."""
    if not (PUBLISHED / folder).is_dir():
        pytest.skip("the published inputs are not at hand")
    return PlanRequest(
        parse_job((PUBLISHED / folder / "job.json").read_text(), "job.json"),
        parse_environment((PUBLISHED / folder / "env.json").read_text(), "env.json"),
        deadline,
    )

"""Small jobs and environments for simulated runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from hypothesis import strategies as st

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Burstable, Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.simulation.planned_fleet import planned_fleet

__all__ = ["environment", "job", "memories", "plan_if_any", "planners", "sizes_for"]

memories = st.sampled_from([100.0, 900.0, (100.0, 900.0, 2500.0)])
"""MB of a job's tasks: all the same, or mixed."""

planners = st.sampled_from([None, None, "cc", "ils"])
"""Who makes a plan for the policies that follow one; often nobody."""


def job(*runtimes: float, memory: float | Sequence[float] = 100.0, on_big: float = 0.9) -> Job:
    """Return a job of tasks that take so long on type ``small``, and a tenth less on type ``big``.

    :param memory: MB of a task, or of several, which take turns.
    :param on_big: share of those seconds that a task takes on type ``big``.
    """
    memories = cycle([memory] if isinstance(memory, (int, float)) else memory)
    tasks = {
        str(number): Task(
            str(number), "true", size, {"small": seconds, "big": seconds * on_big, "burst": seconds}
        )
        for number, (seconds, size) in enumerate(zip(runtimes, memories, strict=False))
    }
    return Job("7", "simulated", tasks)


def environment(
    *, limit: int = 4, both: int = 8, memory: float = 4000.0, burstable: bool = False
) -> Environment:
    """Return two types, of 2 and 4 vCPUs, of which so many may run at once in each market.

    :param burstable: with a third type, ``burst``: as ``small``, on demand only, and cheaper.
    """
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
    if burstable:
        limits = {Market.SPOT: 0, Market.ON_DEMAND: limit}
        kinds["burst"] = InstanceType(
            "burst", 2, memory, 10.0, {Market.ON_DEMAND: 0.05}, limits, Burstable(24.0, 0.2)
        )
    return Environment(kinds, {Market.SPOT: both, Market.ON_DEMAND: both})


def sizes_for(policy: str, memory: float | Sequence[float]) -> float | Sequence[float]:
    """Return the MB of a job's tasks; all the same for ``on-demand-only``.

    Its fleet's queue gives the longest tasks to the cheapest VMs, not to the quickest: where memory leaves
    few slots, it may refuse a deadline that the quickest plan just meets.
    """
    return memory if policy != "on-demand-only" or isinstance(memory, float) else min(memory)


def plan_if_any(mission: Mission, deadline: float, planner: str | None) -> tuple[VmRecord, ...]:
    """Return the VMs that a planner has for a run; none where it has no plan, or none is asked for.

    Planner ``ils`` does not search: its first solution has burstable VMs, too, and is there in no time.

    :param deadline: seconds from the run's start.
    :param planner: its name; None asks for none.
    """
    try:
        return () if planner is None else planned_fleet(mission, deadline, planner, max_iteration=0)
    except InfeasibleJob:
        return ()

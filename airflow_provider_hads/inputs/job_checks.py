"""Whether every task of a job can run on something that the environment offers."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_hads.inputs.document import listed
from airflow_provider_hads.model import Environment, InstanceType, Job, Task

__all__ = ["job_problems"]


def job_problems(job: Job, environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield path and problem of every task that no offered type can run.

    Limits are left to the planners: they know which one binds.
    """
    offered = [one for one in environment.instance_types.values() if one.prices]
    for task in job.tasks.values():
        estimated = [one for one in offered if one.name in task.runtimes]
        if estimated:
            yield from _memory_problems(task, estimated)
        else:
            names = listed(one.name for one in offered)
            named = listed(task.runtimes) or "nothing"
            problem = f"it names {named}, none of the offered types; add one of {names}"
            yield f"tasks.{task.id}.runtime", problem


def _memory_problems(task: Task, estimated: list[InstanceType]) -> Iterator[tuple[str, str]]:
    largest = max(estimated, key=lambda one: one.memory)
    if task.memory > largest.memory:
        most = f"of the offered types that it has runtimes on, {largest.name} has most: {largest.memory:g} MB"
        yield f"tasks.{task.id}.memory", f"{task.memory:g} MB is more than any VM has; {most}"

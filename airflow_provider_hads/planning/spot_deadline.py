"""D_spot by the published rule: the latest end of work on spot VMs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from airflow_provider_hads.model import InstanceType, Market, Task
from airflow_provider_hads.planning.draft import can_run
from airflow_provider_hads.planning.request import PlanRequest
from airflow_provider_hads.planning.timeline import Timeline

__all__ = ["published_spot_deadline"]


def published_spot_deadline(request: PlanRequest) -> float:
    """Return D_spot in seconds, as the original defines it.

    With N tasks and at most M on-demand VMs at once, the ceil(N / M) *shortest* tasks are put on one VM of
    the cheapest on-demand type, burstable types included; D_spot is the deadline (counted from the moment
    the VMs are ready) less that VM's makespan, and never negative. That is too late to make good a loss of
    every spot VM; it is kept so that results compare.

    Where the original fails, or the inputs say no more than this, it is so:

    - Types that are not offered on demand are left out; the original sorts them in by their listed price.
    - Of the types only those that can run every task (estimate and memory) count; if none can, the type that
      can run most, and the tasks that it can't run are left out. The original ends with a KeyError.
    - No on-demand VM allowed, or none that can run a task: there is nothing to reserve time for, and D_spot
      is the deadline. The original divides by zero. Such a plan can't be recovered; ``safe`` refuses it.
    - Memory is checked by :class:`~airflow_provider_hads.planning.timeline.Timeline`'s rule.
    """
    tasks = list(request.job.tasks.values())
    reserve_type = _reserve_type(request.environment.instance_types.values(), tasks)
    vm_limit = request.environment.global_limit(Market.ON_DEMAND)
    if reserve_type is None or vm_limit < 1:
        return max(request.horizon, 0.0)
    runnable = [task for task in tasks if can_run(reserve_type, task)]
    runnable.sort(key=lambda task: task.runtime(reserve_type.name))
    reserve = Timeline(request.slots(reserve_type.vcpus), reserve_type.memory)
    for task in runnable[: math.ceil(len(tasks) / vm_limit)]:
        slot = reserve.earliest(task.runtime(reserve_type.name), task.memory)
        if slot is not None:
            reserve.insert(slot, task.memory)
    return max(request.horizon - reserve.makespan, 0.0)


def _reserve_type(types: Iterable[InstanceType], tasks: list[Task]) -> InstanceType | None:
    """Return the cheapest on-demand type among those that can run most tasks."""
    offered = sorted(
        (kind for kind in types if kind.offers(Market.ON_DEMAND)),
        key=lambda kind: kind.price(Market.ON_DEMAND),
    )
    counts = [sum(can_run(kind, task) for task in tasks) for kind in offered]
    most = max(counts, default=0)
    return offered[counts.index(most)] if most else None

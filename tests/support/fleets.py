"""A run in the middle: a fleet and who works on what, for tests of single decisions."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_hads.control.backstop import act_by, find_backstop
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.model.environment import Burstable
from airflow_provider_hads.model.run_state import (
    Attempt,
    RunState,
    TaskRecord,
    TaskState,
    VmRecord,
    VmState,
)
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import START

__all__ = ["BASELINE", "BURST", "MISSION", "ledger", "vm"]

BASELINE = 0.2
SPOT_TOO = {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}
SMALL = InstanceType("small", 2, 4000, 10, SPOT_TOO, dict.fromkeys(Market, 4))
BURST = InstanceType(
    "burst",
    2,
    4000,
    10,
    {Market.ON_DEMAND: 0.08},
    dict.fromkeys(Market, 4),
    burstable=Burstable(24, BASELINE),
)
TASKS = {name: Task(name, "true", 100, {"small": 100.0, "burst": 100.0}) for name in "abcdef"}
MISSION = Mission(
    Job("7", "fleet", TASKS),
    Environment({"small": SMALL, "burst": BURST}, dict.fromkeys(Market, 8)),
    boot=60,
    cycle=900,
    idle_slack=60,
)
"""Tasks of 100 s each; VMs of two slots that boot in 60 s."""


def vm(
    name: str,
    market: Market = Market.ON_DEMAND,
    *,
    state: VmState = VmState.READY,
    kind: InstanceType = SMALL,
    runs: Sequence[str] = (),
    has_queued: Sequence[str] = (),
    waiting: Sequence[str] = (),
    ran: float = 10.0,
    has_credits: float = 0.0,
    up_since: float = 0.0,
) -> tuple[VmRecord, dict[str, TaskRecord]]:
    """Return a VM and the tasks that are its own.

    :param runs: tasks that run there, or are frozen with it.
    :param has_queued: tasks that its runner has in its queue.
    :param waiting: tasks that wait for it with the controller.
    :param ran: seconds that those which run have run so far.
    """
    frozen = state.asleep
    record = VmRecord(
        name,
        int(name.rpartition("-")[2]),
        kind.name,
        market,
        kind.price(market),
        (*runs, *has_queued, *waiting),
        state=state,
        instance_id=f"i-{name}",
        boot_id="boot",
        since=up_since,
        cpu_share=BASELINE if kind.burstable else None,
        credits=has_credits,
        credits_at=0.0,
    )
    tasks = {task_id: TaskRecord(task_id) for task_id in waiting}
    for task_id in runs:
        attempt = Attempt(f"{task_id}.1", name, AttemptState.RUNNING, ran=ran, started_at=0.0, heard_at=ran)
        tasks[task_id] = TaskRecord(
            task_id, TaskState.FROZEN if frozen else TaskState.RUNNING, attempts=(attempt,)
        )
    for task_id in has_queued:
        attempt = Attempt(f"{task_id}.1", name, AttemptState.QUEUED)
        tasks[task_id] = TaskRecord(task_id, TaskState.STAGED, attempts=(attempt,))
    return record, tasks


def ledger(
    *fleet: tuple[VmRecord, dict[str, TaskRecord]], deadline: float = 1000.0, mission: Mission = MISSION
) -> Ledger:
    """Return the books of a run with that fleet; tasks of which no VM knows have finished.

    Estimates have turned out to be right, so that nothing is done earlier for want of experience, and the
    way out was planned at the run's start.
    """
    tasks = {name: TaskRecord(name, TaskState.FINISHED) for name in mission.job.tasks}
    for _, known in fleet:
        tasks.update(known)
    vms = {record.id: record for record, _ in fleet}
    state = RunState(START, deadline, epoch=1, vms=vms, tasks=tasks, supervised_from=0.0)
    books = Ledger(state, Rules(), mission)
    for _ in range(20):
        books.pace.add(1.0)
    books.backstop = find_backstop(books, 0.0).chains
    books.safe_until = act_by(books, books.backstop, deadline - mission.safety)
    return books

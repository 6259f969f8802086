"""The way out: a plan of all open work on on-demand VMs, and how long it can wait.

A run is safe as long as there is such a plan that meets the deadline: spot VMs play no part in it, so that
their loss does not harm it. Once found, it stays valid while time passes, until the moment by which something
of it must be begun; who does that then, keeps the deadline. Tasks that end, wherever, only make it shorter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from airflow_provider_hads.control.backstop_fleet import Backstop, Busy, Fleet
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mixed_fleet import MixedFleet
from airflow_provider_hads.control.remaining import attempt_of, expected_end, kept_share, slowness
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import Chain, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = [
    "Backstop",
    "Busy",
    "act_by",
    "chain_seconds",
    "covered_tasks",
    "doubted_seconds",
    "find_backstop",
    "open_seconds",
    "stays",
    "uncovered",
]


def find_backstop(
    ledger: Ledger,
    elapsed: float,
    *,
    trial: Busy | None = None,
    without: str | None = None,
    launching: InstanceType | None = None,
    progress: Mapping[str, float] | None = None,
    launched_only: bool = False,
) -> Backstop:
    """Plan all open work on the on-demand VMs there are and on those that could be launched.

    Longest task first, each where it ends first (Graham's list scheduling). Where memory decides how many
    tasks a VM runs at once, there are two such plans, of which the quicker one counts: one in which each slot
    may have any task, and one in which small tasks leave the memory to large ones. Where that is late, the
    same is tried on the VMs on which a task ends soonest, instead of on those that do most in all.

    :param trial: take a task for placed.
    :param without: a VM to leave out.
    :param launching: take an on-demand VM of that type for launched.
    :param progress: by task id, more than what checkpoints keep.
    :param launched_only: launch none.
    """
    tasks = uncovered(ledger, covered_tasks(ledger, elapsed, trial, without))
    kept = {**_running_progress(ledger, tasks, elapsed), **(progress or {})}

    def plan(*, quickest: bool) -> Backstop:
        fleets = [Fleet(ledger, elapsed, quickest=quickest)]
        if ledger.terms.mixed_types:
            fleets.append(MixedFleet(ledger, elapsed, quickest=quickest))
        return min(map(packed, fleets), key=lambda one: one.end)

    def packed(fleet: Fleet) -> Backstop:
        for vm_id in ledger.living[Market.ON_DEMAND]:
            if vm_id != without and stays(ledger, vm_id):
                fleet.add_existing(ledger.vms[vm_id], trial)
        if launching is not None:
            fleet.add_launching(launching)
        if not launched_only:
            fleet.add_new(tasks, without, launching)
        return fleet.pack(tasks, kept)

    strongest = plan(quickest=False)
    if launched_only or strongest.end <= ledger.deadline - ledger.terms.safety:
        return strongest
    return min(strongest, plan(quickest=True), key=lambda one: one.end)


def _running_progress(ledger: Ledger, tasks: Sequence[Task], elapsed: float) -> dict[str, float]:
    """Return what running attempts have done, where a loss of their VMs does not lose it."""
    if not ledger.terms.keeps_progress:
        return {}
    return {task.id: kept_share(ledger, task.id, elapsed) for task in tasks}


def covered_tasks(
    ledger: Ledger, elapsed: float, trial: Busy | None = None, without: str | None = None
) -> set[str]:
    """Return the tasks that an on-demand VM has in hand, or a burstable one that will end them in time.

    :param elapsed: seconds since the run's start.
    """
    covered: set[str] = set()
    for vm_id in ledger.living[Market.ON_DEMAND]:
        if vm_id == without or not ledger.work[vm_id] or not stays(ledger, vm_id):
            continue
        if ledger.kind(ledger.vms[vm_id]).burstable is None:
            covered.update(ledger.work[vm_id].values())
        else:
            covered.update(_in_time(ledger, ledger.vms[vm_id], elapsed))
    if trial is not None:
        covered.add(trial.task_id)
    return covered


def stays(ledger: Ledger, vm_id: str) -> bool:
    """Say whether a VM will be there: it is not being ended, and has no notice."""
    return ledger.vms[vm_id].leaves_at is None and f"terminate/{vm_id}" not in ledger.pending


def _in_time(ledger: Ledger, vm: VmRecord, elapsed: float) -> list[str]:
    """Return the tasks that a burstable VM runs, and will have ended in time at the speed they have."""
    limit = ledger.deadline - ledger.terms.safety
    running = [
        (task_id, one)
        for name, task_id in ledger.work[vm.id].items()
        if (one := attempt_of(ledger, task_id, name)).state is not AttemptState.QUEUED
        or len(ledger.work[vm.id]) <= ledger.terms.safe_slots(ledger.kind(vm))
    ]
    return [
        task_id
        for task_id, one in running
        if expected_end(ledger, vm, task_id, one, elapsed, careful=True) <= limit
    ]


def uncovered(ledger: Ledger, covered: set[str]) -> list[Task]:
    """Return the open tasks that no on-demand VM has in hand, longest first."""
    tasks, unpublished = ledger.tasks, ledger.unpublished
    return [
        task
        for task in ledger.terms.order
        if task.id not in covered and not tasks[task.id].state.ended and task.id not in unpublished
    ]


def act_by(ledger: Ledger, chains: Iterable[Chain], limit: float) -> float:
    """Return the moment by which something of a plan must be begun: a launch, or a task in a free slot.

    :param limit: seconds since the run's start by which all is to be done.
    """
    ahead = ledger.terms.ahead
    earliest = math.inf
    for chain in chains:
        if not chain.launched:
            earliest = min(earliest, limit - ahead - chain.seconds)
        else:
            earliest = min(earliest, limit - chain.seconds)
    return earliest


def doubted_seconds(ledger: Ledger, chains: Iterable[Chain]) -> float:
    """Return by how many seconds earlier a plan is begun while too few tasks have ended to trust estimates.

    None, where each task has a slot of its own: none would end in time to tell of the others.
    """
    if not ledger.pace.doubted:
        return 0.0
    several = (one for one in chains if len(one.task_ids) > 1)
    return ledger.pace.margin * max(
        (one.seconds / math.sqrt(len(one.task_ids)) for one in several), default=0.0
    )


def open_seconds(
    ledger: Ledger, chain: Chain, covered: set[str], elapsed: float
) -> tuple[tuple[str, ...], float]:
    """Return what is left of a chain: its tasks that are still open and not in hand, and their seconds."""
    left = tuple(
        task_id
        for task_id in chain.task_ids
        if task_id not in covered
        and task_id not in ledger.unpublished
        and not ledger.tasks[task_id].state.ended
    )
    return left, chain_seconds(ledger, left, chain.instance_type, elapsed)


def chain_seconds(ledger: Ledger, task_ids: Iterable[str], kind: str, elapsed: float) -> float:
    """Return the seconds in which tasks will have ended, one after the other on a VM of that type.

    Each may be slower than expected, but hardly all of them: their margins add as variances do.
    """
    expected = variance = 0.0
    for task_id in task_ids:
        left = ledger.terms.job.tasks[task_id].runtimes[kind] * (1 - kept_share(ledger, task_id, elapsed))
        mean, careful = slowness(ledger, task_id, elapsed)
        expected += left * mean
        variance += (left * (careful - mean)) ** 2
    return expected + math.sqrt(variance)

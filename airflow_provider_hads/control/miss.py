"""Whether the deadline can be met at all: a miss is said as soon as it is certain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.most_slots import Slots, start_on
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import Attempt, Miss, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["earliest_end", "look_for_miss"]

NEXT_LOOK = 1.0
"""Seconds until the next look at the least: where there is no slack at all, time itself has to pass."""


def look_for_miss(ledger: Ledger, elapsed: float) -> float | None:
    """Announce a miss if it is certain; else return when it could be certain at the earliest.

    The bound on the end moves with the clock at most, as long as no VM is lost: it need not be looked at
    again before its slack to the deadline has passed.

    :param elapsed: seconds since the run's start.
    :return: seconds since the run's start; None where the miss has been announced.
    """
    if ledger.miss is not None:
        return None
    end, reason = earliest_end(ledger, elapsed)
    if end <= ledger.deadline + 1e-6:
        return elapsed + max(ledger.deadline - end, NEXT_LOOK)
    ledger.deadline_missed = True
    ledger.miss = Miss(elapsed, end, reason)
    return None


def earliest_end(ledger: Ledger, elapsed: float) -> tuple[float, str]:
    """Return a moment before which the last open task can't end, by the estimates, and why.

    It is a lower bound: each task is taken to go on where it is furthest, or to start at once on a VM that is
    there, or on a new one of the quickest type; and all together, on every slot that the limits allow, those
    of new VMs from after their boot on.
    """
    fresh = _fresh_starts(ledger, elapsed)
    latest, reason, work = elapsed, "", 0.0
    each: list[float] = []
    least_memory = math.inf
    for task in ledger.terms.order:
        if ledger.tasks[task.id].state.ended or task.id in ledger.unpublished:
            continue
        end, seconds = _task_bound(ledger, task, fresh, elapsed)
        work += seconds
        each.append(seconds)
        least_memory = min(least_memory, task.memory)
        if end > latest:
            latest, reason = end, f"task {task.id} can't end before {end:.0f} s"
    slots = Slots(ledger, least_memory)
    together = slots.end_of(work, elapsed)
    if together > latest:
        latest = together
        reason = f"the open work, {work:.0f} s in at most {slots.most} slots, can't end earlier"
    if ledger.terms.keeps_progress or any(ledger.tasks[task.id].saved for task in ledger.terms.order):
        return latest, reason  # a task may be done in pieces, in one slot after the other
    first = elapsed if any(ledger.work.values()) else min(fresh.values(), default=elapsed)
    whole = first + _in_turns(sorted(each, reverse=True), slots.most)
    if whole > latest:
        return whole, f"{len(each)} tasks, each as a whole in one of {slots.most} slots, can't end earlier"
    return latest, reason


def _in_turns(seconds: Sequence[float], slots: int) -> float:
    """Return the least seconds in which tasks can be done one after the other in some slots.

    Of the longest k x slots + 1 tasks, k + 1 share a slot: at best the shortest of them (Graham's bound).

    :param seconds: longest first.
    """
    sums = [0.0, *accumulate(seconds)]
    lasts = ((turns, turns * slots + 1) for turns in range(1, (len(seconds) - 1) // max(slots, 1) + 1))
    return max((sums[last] - sums[last - turns - 1] for turns, last in lasts), default=0.0)


def _task_bound(ledger: Ledger, task: Task, fresh: dict[str, float], elapsed: float) -> tuple[float, float]:
    """Return the earliest end of a task, and the fewest seconds of a slot that it still takes."""
    record, pace = ledger.tasks[task.id], min(ledger.pace.mean, 1.0)
    left = (1 - _kept_at_most(ledger, task.id, elapsed)) * pace
    fitting = ledger.terms.runtimes(task)
    runs = {name: runtime * left for name, runtime in fitting.items() if name in fresh}
    ends = [fresh[name] + seconds for name, seconds in runs.items()]
    seconds = list(runs.values())
    for one in record.attempts:
        vm = ledger.vms.get(one.vm_id)
        if not one.state.ended and vm is not None and not vm.state.ended:
            end = _attempt_bound(ledger, vm, task.id, one, elapsed)
            ends.append(end)
            seconds.append(max(end - elapsed, 0.0))
    return min(ends, default=math.inf), min(seconds, default=math.inf)


def _kept_at_most(ledger: Ledger, task_id: str, elapsed: float) -> float:
    """Return the share of a task that checkpoints may keep.

    Where they are continuous, that of an attempt which has just been dropped is not heard of yet.
    """
    record = ledger.tasks[task_id]
    if not ledger.terms.keeps_progress:
        return record.saved
    shares = [_done_at_most(ledger, task_id, one, elapsed) for one in record.attempts]
    return min(max(record.saved, *shares, 0.0), 1.0)


def _done_at_most(ledger: Ledger, task_id: str, one: Attempt, elapsed: float) -> float:
    vm = ledger.vms.get(one.vm_id)
    if vm is None or one.started_at is None:
        return one.progress
    until = elapsed if one.ended_at is None else one.ended_at
    ran = one.ran + max(until - one.heard_at, 0.0)
    return one.progress + ran / _least_seconds(ledger, vm, task_id, one)


def _least_seconds(ledger: Ledger, vm: VmRecord, task_id: str, one: Attempt) -> float:
    """Return the fewest seconds for which an attempt runs on its VM, were nothing done before."""
    share = 1.0 if one.burst else vm.cpu_share or 1.0
    return ledger.terms.job.tasks[task_id].runtimes[vm.instance_type] / share * min(ledger.pace.mean, 1.0)


def _attempt_bound(ledger: Ledger, vm: VmRecord, task_id: str, one: Attempt, elapsed: float) -> float:
    """Return the earliest end of an attempt; one that has run longer than it should may end at any moment."""
    seconds = _least_seconds(ledger, vm, task_id, one) * (1 - one.progress)
    if one.state is AttemptState.QUEUED:
        return max(elapsed, vm.ready_by or 0.0 if vm.state.starting else 0.0) + seconds
    ran = one.ran if vm.state.asleep else one.ran + elapsed - one.heard_at
    return elapsed + max(seconds - ran, 0.0)


def _fresh_starts(ledger: Ledger, elapsed: float) -> dict[str, float]:
    """Return, by type, the moment from which a task could start anew on it."""
    starts: dict[str, float] = {}
    for market in Market:
        for vm_id in ledger.living[market]:
            vm = ledger.vms[vm_id]
            start = start_on(ledger, vm, elapsed)
            starts[vm.instance_type] = min(start, starts.get(vm.instance_type, math.inf))
    for kind in ledger.terms.types.values():
        if any(_could_launch(ledger, kind, market) for market in Market):
            starts.setdefault(kind.name, elapsed + ledger.terms.boot)
    return starts


def _could_launch(ledger: Ledger, kind: InstanceType, market: Market) -> bool:
    mission = ledger.terms
    limit = min(kind.limit(market), mission.environment.global_limit(market))
    within = mission.vcpu_limit is None or kind.vcpus <= mission.vcpu_limit
    return kind.burstable is None and kind.offers(market) and limit > 0 and within

"""How long what is under way will still take, by what was last heard of it."""

from __future__ import annotations

from heapq import heapify, heappush, heapreplace

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.tries import Tries
from airflow_provider_hads.model.run_state import Attempt, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = [
    "attempt_of",
    "busy_until",
    "done_share",
    "expected_end",
    "in_hand",
    "kept_share",
    "longest_run",
    "run_seconds",
    "slot_ends",
    "slowness",
]

OVERDUE_SHARE = 0.1
"""A task that has run longer than it should is expected to need this share of its estimate more."""


def attempt_of(ledger: Ledger, task_id: str, name: str) -> Attempt:
    """Return an attempt by its id."""
    for attempt in reversed(ledger.tasks[task_id].attempts):
        if attempt.id == name:
            return attempt
    raise KeyError(name)


def run_seconds(
    ledger: Ledger,
    vm: VmRecord,
    task_id: str,
    elapsed: float,
    progress: float = 0.0,
    *,
    burst: bool = False,
    careful: bool = False,
) -> float:
    """Return how long a task takes on a VM, from some progress (a share) on.

    :param burst: at full speed, by CPU credits, where the VM gives its tasks less than a vCPU.
    :param careful: return how long it takes at most, as far as can be told from those that have ended.
    """
    runtime = ledger.terms.job.tasks[task_id].runtimes[vm.instance_type]
    share = 1.0 if burst else vm.cpu_share or 1.0
    return runtime * (1 - progress) / share * slowness(ledger, task_id, elapsed)[careful]


def slowness(ledger: Ledger, task_id: str, elapsed: float) -> tuple[float, float]:
    """Return by which factor a task is expected to be slower than estimated, and by which at most.

    One that has run for some time without coming to its end, whatever became of it, is slower than that.
    """
    pace = ledger.pace
    if pace.sure or not ledger.tasks[task_id].attempts:
        return pace.mean, pace.careful
    least = longest_run(ledger, task_id, elapsed)
    if least <= pace.mean:
        return pace.mean, pace.careful
    return pace.factor(least), pace.careful_factor(least)


def longest_run(ledger: Ledger, task_id: str, elapsed: float) -> float:
    """Return the seconds for which an attempt of a task has run at most, as a multiple of its estimate."""
    tries = tries_of(ledger, task_id)
    return max([tries.longest, *(_run_of(ledger, task_id, one, elapsed) for one in tries.alive)])


def tries_of(ledger: Ledger, task_id: str) -> Tries:
    """Return a task's attempts, reckoned up anew only when one of them has changed.

    Where spot VMs come and go a long task has hundreds, and each step asks for them many times.
    """
    attempts = ledger.tasks[task_id].attempts
    known = ledger.tries.get(task_id)
    if known is None or known.attempts is not attempts:
        alive = tuple(one for one in attempts if not one.state.ended)
        ended = (_run_of(ledger, task_id, one, 0.0) for one in attempts if one.state.ended)
        known = ledger.tries[task_id] = Tries(attempts, alive, max(ended, default=0.0))
    return known


def _run_of(ledger: Ledger, task_id: str, one: Attempt, elapsed: float) -> float:
    """Return the seconds for which an attempt has run, as a multiple of its estimate."""
    vm = ledger.vms.get(one.vm_id)
    estimate = ledger.terms.job.tasks[task_id].runtimes.get(vm.instance_type) if vm is not None else None
    if vm is None or not estimate or one.progress >= 1:
        return 0.0
    ran = one.ran
    if one.state is AttemptState.RUNNING and not vm.state.asleep:
        ran += elapsed - one.heard_at
    share = 1.0 if one.burst else vm.cpu_share or 1.0
    return ran * share / (estimate * (1 - one.progress))


def expected_end(
    ledger: Ledger, vm: VmRecord, task_id: str, attempt: Attempt, elapsed: float, *, careful: bool = False
) -> float:
    """Return when an attempt is expected to end, if its VM stays, or comes to be, awake from now on.

    :param careful: return when it will have ended, rather than the expectation.
    """
    seconds = run_seconds(
        ledger, vm, task_id, elapsed, attempt.progress, burst=attempt.burst, careful=careful
    )
    if vm.state.asleep:
        return elapsed + max(seconds - attempt.ran, 0.0)
    if attempt.state is AttemptState.QUEUED:
        return max(elapsed, vm.ready_by or 0.0 if vm.state.starting else 0.0) + seconds
    end = attempt.heard_at + seconds - attempt.ran
    return end if end > elapsed else elapsed + OVERDUE_SHARE * seconds * (end < elapsed - 1e-3)


def done_share(ledger: Ledger, vm: VmRecord, task_id: str, attempt: Attempt, elapsed: float) -> float:
    """Return the share of a task that an attempt has done."""
    whole = run_seconds(ledger, vm, task_id, elapsed, burst=attempt.burst)
    left = expected_end(ledger, vm, task_id, attempt, elapsed) - elapsed
    return min(max(1 - left / whole, 0.0), 1.0)


def kept_share(ledger: Ledger, task_id: str, elapsed: float) -> float:
    """Return the share of a task from which an attempt that begins now would go on.

    That of its last checkpoint; where they are continuous, that of the attempt which has come furthest.
    """
    task = ledger.tasks[task_id]
    if not ledger.terms.keeps_progress:
        return task.saved
    shares = (
        done_share(ledger, ledger.vms[one.vm_id], task_id, one, elapsed)
        for one in tries_of(ledger, task_id).alive
    )
    return max(task.saved, *shares, 0.0)


def in_hand(ledger: Ledger, vm: VmRecord, elapsed: float) -> list[tuple[float, float]]:
    """Return when each task that a VM has will have ended, were each begun at once, and its MB."""
    tasks = ledger.terms.job.tasks
    return [
        (
            expected_end(ledger, vm, task_id, attempt_of(ledger, task_id, name), elapsed, careful=True),
            tasks[task_id].memory,
        )
        for name, task_id in ledger.work[vm.id].items()
    ]


def busy_until(ledger: Ledger, vm: VmRecord, elapsed: float) -> list[float]:
    """Return when each of a VM's slots that are in use will be free, what waits in its queue included."""
    return slot_ends(ledger, vm, elapsed, ledger.terms.safe_slots(ledger.kind(vm)), careful=True)


def slot_ends(
    ledger: Ledger, vm: VmRecord, elapsed: float, slots: int, *, careful: bool = False
) -> list[float]:
    """Return when each of a VM's slots that are in use will be free, as a heap.

    What waits in the VM's queue starts, in the order of the queue, where a slot falls free first.

    :param slots: how many there are; a VM that has more running is given as many.
    :param careful: reckon with tasks that are as slow as those that have ended tell.
    """
    ends: list[float] = []
    queued: list[tuple[str, Attempt]] = []
    for name, task_id in ledger.work[vm.id].items():
        attempt = attempt_of(ledger, task_id, name)
        if attempt.state is AttemptState.QUEUED:
            queued.append((task_id, attempt))
        else:
            ends.append(expected_end(ledger, vm, task_id, attempt, elapsed, careful=careful))
    heapify(ends)
    start = max(elapsed, vm.ready_by or 0.0) if vm.state.starting else elapsed
    for task_id, attempt in queued:
        seconds = run_seconds(
            ledger, vm, task_id, elapsed, attempt.progress, burst=attempt.burst, careful=careful
        )
        if len(ends) < slots:
            heappush(ends, start + seconds)
        else:
            heapreplace(ends, max(ends[0], start) + seconds)
    return ends

"""How long what is under way will still take, by what was last heard of it."""

from __future__ import annotations

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.model.run_state import Attempt, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["attempt_of", "busy_until", "careful_seconds", "done_share", "expected_end", "run_seconds"]

OVERDUE_SHARE = 0.1
"""A task that has run longer than it should is expected to need this share of its estimate more."""


def attempt_of(ledger: Ledger, task_id: str, name: str) -> Attempt:
    """Return an attempt by its id."""
    for attempt in ledger.tasks[task_id].attempts:
        if attempt.id == name:
            return attempt
    raise KeyError(name)


def run_seconds(ledger: Ledger, vm: VmRecord, task_id: str, progress: float = 0.0) -> float:
    """Return how long a task takes on a VM, from some progress (a share) on."""
    runtime = ledger.terms.job.tasks[task_id].runtimes[vm.instance_type]
    return runtime * (1 - progress) / (vm.cpu_share or 1.0) * ledger.pace.mean


def careful_seconds(ledger: Ledger, vm: VmRecord, task_id: str, progress: float = 0.0) -> float:
    """Return how long a task takes on a VM at most, as far as can be told from those that have ended."""
    return run_seconds(ledger, vm, task_id, progress) / ledger.pace.mean * ledger.pace.careful


def expected_end(
    ledger: Ledger, vm: VmRecord, task_id: str, attempt: Attempt, elapsed: float, *, careful: bool = False
) -> float:
    """Return when an attempt is expected to end, if its VM stays, or comes to be, awake from now on.

    :param careful: return when it will have ended, rather than the expectation.
    """
    estimate = careful_seconds if careful else run_seconds
    seconds = estimate(ledger, vm, task_id, attempt.progress)
    if vm.state.asleep:
        return elapsed + max(seconds - attempt.ran, 0.0)
    if attempt.state is AttemptState.QUEUED:
        return max(elapsed, vm.ready_by or 0.0 if vm.state.starting else 0.0) + seconds
    end = attempt.heard_at + seconds - attempt.ran
    return end if end > elapsed else elapsed + OVERDUE_SHARE * seconds * (end < elapsed - 1e-3)


def done_share(ledger: Ledger, vm: VmRecord, task_id: str, attempt: Attempt, elapsed: float) -> float:
    """Return the share of a task that an attempt has done."""
    whole = run_seconds(ledger, vm, task_id)
    left = expected_end(ledger, vm, task_id, attempt, elapsed) - elapsed
    return min(max(1 - left / whole, 0.0), 1.0)


def busy_until(ledger: Ledger, vm: VmRecord, elapsed: float) -> list[float]:
    """Return when each of a VM's attempts will have ended."""
    return [
        expected_end(ledger, vm, task_id, attempt_of(ledger, task_id, name), elapsed, careful=True)
        for name, task_id in ledger.work[vm.id].items()
    ]

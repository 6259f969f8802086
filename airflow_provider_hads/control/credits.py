"""CPU credits of burstable VMs: earned with time, spent by what runs, kept for what runs at full speed.

One credit is one vCPU at full speed for a minute. A burstable VM earns ``credit_rate`` credits an hour while
it is awake, and keeps at most those of a day; a task at full speed spends one a minute, one in baseline mode
its share of that.
"""

from __future__ import annotations

from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.control.observation import CreditBalance
from airflow_provider_hads.control.remaining import attempt_of, expected_end
from airflow_provider_hads.model.run_state import Attempt, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["LONGEST_HOARD", "credits_for", "free_credits", "settle_credits", "take_credits"]

LONGEST_HOARD = 24.0
"""Hours of earnings that a VM keeps at most."""


def take_credits(ledger: Ledger, vm_id: str, told: CreditBalance, elapsed: float) -> None:
    """Note how many credits a VM has, as the cloud tells, unless the books are newer.

    :param elapsed: seconds since the run's start.
    """
    vm, counted_at = ledger.vms.get(vm_id), elapsed - told.age
    if vm is None or vm.state.ended or (vm.credits_at is not None and counted_at < vm.credits_at):
        return
    ledger.put_vm(amended(vm, credits=max(told.credits, 0.0), credits_at=max(counted_at, 0.0)))


def settle_credits(ledger: Ledger, before: VmRecord, elapsed: float) -> None:
    """Enter what a burstable VM has earned and spent, now that its state has changed: it earns none asleep.

    :param before: the VM before the change.
    """
    vm = ledger.vms[before.id]
    if ledger.kind(vm).burstable is not None:
        ledger.put_vm(amended(vm, credits=balance(ledger, before, elapsed), credits_at=elapsed))


def balance(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    """Return a VM's credits now, as far as is known."""
    terms = ledger.kind(vm).burstable
    if terms is None or vm.credits_at is None or vm.state is not VmState.READY:
        return vm.credits
    earned = (elapsed - vm.credits_at) / 3600 * terms.credit_rate
    spent = sum(_spent(vm, one, vm.credits_at, elapsed) for one in _attempts(ledger, vm))
    return min(max(vm.credits + earned - spent, 0.0), LONGEST_HOARD * terms.credit_rate)


def free_credits(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    """Return a VM's credits that are not kept for what runs at full speed already."""
    reserved = 0.0
    for name, task_id in ledger.work[vm.id].items():
        attempt = attempt_of(ledger, task_id, name)
        if attempt.burst:
            end = expected_end(ledger, vm, task_id, attempt, elapsed, careful=True)
            reserved += (end - elapsed) / 60
    return balance(ledger, vm, elapsed) - reserved


def credits_for(ledger: Ledger, vm: VmRecord, task_id: str) -> float:
    """Return the credits that a task takes at full speed: the minutes it runs on that type."""
    runtime = ledger.terms.job.tasks[task_id].runtimes[vm.instance_type]
    return runtime * (1 - ledger.tasks[task_id].saved) * ledger.pace.careful / 60


def _attempts(ledger: Ledger, vm: VmRecord) -> list[Attempt]:
    return [one for task in ledger.tasks.values() for one in task.attempts if one.vm_id == vm.id]


def _spent(vm: VmRecord, attempt: Attempt, since: float, elapsed: float) -> float:
    """Return the credits that an attempt has taken since a moment."""
    if attempt.state is AttemptState.QUEUED or attempt.started_at is None:
        return 0.0
    end = elapsed if attempt.ended_at is None else attempt.ended_at
    seconds = max(end - max(attempt.started_at, since), 0.0)
    return seconds * (1.0 if attempt.burst else vm.cpu_share or 1.0) / 60

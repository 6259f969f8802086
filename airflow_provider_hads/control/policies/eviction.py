"""Spot VMs that have to end for others."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import vcpus_in_use
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.remaining import attempt_of, done_share
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["free_vcpus", "progress_on"]


def progress_on(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    """Return how many tasks' worth of progress a VM holds.

    :param elapsed: seconds since the run's start.
    """
    return sum(
        done_share(ledger, vm, task_id, attempt_of(ledger, task_id, name), elapsed)
        for name, task_id in ledger.work[vm.id].items()
    )


def free_vcpus(ledger: Ledger, orders: Orders, vcpus: int, elapsed: float) -> None:
    """End spot VMs until, when they have ended, so many vCPUs more are within the limit for on-demand VMs.

    Hibernated ones go first, then those with the least progress.
    """
    if ledger.terms.vcpu_limit is None:
        return
    living = [ledger.vms[vm_id] for vm_id in ledger.living[Market.SPOT] if not orders.ending(vm_id)]
    used = vcpus_in_use(ledger, Market.ON_DEMAND) + sum(ledger.kind(vm).vcpus for vm in living)
    short = used + vcpus - ledger.terms.vcpu_limit
    for vm in sorted(
        living, key=lambda vm: (not vm.state.asleep, progress_on(ledger, vm, elapsed), vm.sequence)
    ):
        if short <= 0:
            return
        orders.terminate(vm, Reason.BLOCKS_A_LIMIT)
        short -= ledger.kind(vm).vcpus

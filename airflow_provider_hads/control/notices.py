"""Notices: a spot VM is told that it will be stopped or terminated, and its tasks go elsewhere."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.control.observation import Observation
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.remaining import attempt_of, expected_end
from airflow_provider_hads.model.run_state import VmRecord, VmState

__all__ = ["heed_notices"]


def heed_notices(ledger: Ledger, orders: Orders, observation: Observation, elapsed: float) -> None:
    """Note which VMs have notice, and take from them what they can't end in the time they have left.

    Nothing more is begun there. A task that has its progress kept is left to its VM, which saves it before
    the end; every other one starts again elsewhere, the sooner the better.

    :param elapsed: seconds since the run's start.
    """
    for vm_id, notice in observation.notices.items():
        vm = ledger.vms.get(vm_id)
        if vm is None or vm.state.ended or vm.state.asleep:
            continue
        leaves_at = elapsed + notice.seconds
        if vm.leaves_at is None or leaves_at < vm.leaves_at:
            vm = amended(
                vm, leaves_at=leaves_at, reason=f"has notice: {notice.kind} in {notice.seconds:.0f} s"
            )
            ledger.put_vm(vm)
        if not ledger.terms.keeps_progress:
            _evacuate(ledger, orders, vm, elapsed)


def _evacuate(ledger: Ledger, orders: Orders, vm: VmRecord, elapsed: float) -> None:
    leaves_at = elapsed if vm.leaves_at is None else vm.leaves_at
    for name, task_id in sorted(ledger.work[vm.id].items()):  # the books of a successor have another order
        attempt = attempt_of(ledger, task_id, name)
        ends = expected_end(ledger, vm, task_id, attempt, elapsed)
        if vm.state is not VmState.READY or ends > leaves_at:
            orders.cancel(ledger.tasks[task_id], attempt, Reason.LEAVING)

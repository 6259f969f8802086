"""``on-demand-only``: the planned on-demand VMs, one queue, nothing else."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import (
    drop_superseded,
    end_all,
    free_vms,
    next_fitting,
)
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.model.environment import Market

__all__ = ["on_demand_only"]


def on_demand_only(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Launch the cheapest on-demand VMs that meet the deadline; each ends when nothing waits that fits it."""
    if ledger.ended:
        end_all(ledger, orders)
        return
    drop_superseded(ledger, orders)
    if ledger.launches == 0:
        _launch(ledger, orders)
    _fill(ledger, orders)
    if ledger.launches and len(ledger.living[Market.ON_DEMAND]) == 0:
        Guard(ledger, orders, elapsed).act()


def _launch(ledger: Ledger, orders: Orders) -> None:
    from airflow_provider_hads.control.on_demand_fleet import cheapest_fleet

    for name, count in cheapest_fleet(ledger.terms, ledger.deadline).items():
        for _ in range(count):
            orders.launch(ledger.terms.types[name], Market.ON_DEMAND, Reason.LAUNCH_BY_PLAN)


def _fill(ledger: Ledger, orders: Orders) -> None:
    for vm in free_vms(ledger, Market.ON_DEMAND):
        while vm.id in ledger.free and (task := next_fitting(ledger, vm, ledger.waiting)) is not None:
            orders.assign(vm, ledger.tasks[task.id], Reason.LONGEST_FIRST)
        if not ledger.work[vm.id]:
            orders.terminate(vm, Reason.VM_IDLE)

"""From a plan to the first records of its VMs."""

from __future__ import annotations

from airflow_provider_hads.model.plan import Plan
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["planned_vms"]


def planned_vms(plan: Plan) -> tuple[VmRecord, ...]:
    """Return a record for each VM of a plan, numbered in the plan's order."""
    return tuple(
        VmRecord(
            id=vm.id,
            sequence=sequence,
            instance_type=vm.instance_type,
            market=vm.market,
            price=vm.price,
            task_ids=vm.task_ids,
            cpu_share=vm.cpu_share,
        )
        for sequence, vm in enumerate(plan.vms)
    )

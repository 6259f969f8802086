"""The controller's first state, from what schedule, provision and deploy have handed on."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_hads.control.attempts import attempt_id
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.plan import PlannedVm
from airflow_provider_hads.model.run_state import (
    Attempt,
    RunState,
    TaskRecord,
    TaskState,
    VmRecord,
    VmState,
)
from airflow_provider_hads.model.runner import AttemptState
from airflow_provider_hads.runtime.run_context import RunContext

__all__ = ["deployment_report", "first_state", "planned_vm_to_xcom", "vm_record"]


def planned_vm_to_xcom(sequence: int, vm: PlannedVm) -> dict[str, Any]:
    """Return a planned VM as ``schedule`` hands it on."""
    return {
        "id": vm.id,
        "sequence": sequence,
        "instance_type": vm.instance_type,
        "market": vm.market.value,
        "price": vm.price,
        "task_ids": list(vm.task_ids),
        "cpu_share": vm.cpu_share,
    }


def vm_record(vm: Mapping[str, Any]) -> VmRecord:
    """Return the record of a VM that ``schedule`` has handed on."""
    return VmRecord(
        id=vm["id"],
        sequence=vm["sequence"],
        instance_type=vm["instance_type"],
        market=Market(vm["market"]),
        price=vm["price"],
        task_ids=tuple(vm["task_ids"]),
        cpu_share=vm.get("cpu_share"),
    )


def deployment_report(
    vm_id: str, instance_id: str | None, *, deployed: bool = False, reason: str = ""
) -> dict[str, Any]:
    """Return what ``provision`` and ``deploy`` hand on about a VM.

    :param instance_id: None when it was not launched.
    :param reason: why it was not launched, or is not deployed yet.
    """
    return {"vm_id": vm_id, "instance_id": instance_id, "deployed": deployed, "reason": reason}


def first_state(
    run: RunContext,
    task_ids: Iterable[str],
    finished: Container[str],
    vms: Iterable[Mapping[str, Any]],
    reports: Iterable[Mapping[str, Any]],
    *,
    adopt: bool = False,
) -> RunState:
    """Return the state in which supervision starts.

    A VM that the cloud refused to launch is given up from the start; of all others, whatever their reports
    say, the cloud itself is asked.

    :param task_ids: all tasks of the job.
    :param finished: those whose results are published already, before the run was cleared.
    :param vms: what ``schedule`` handed on.
    :param reports: what ``deploy`` handed on; those of tasks that were killed are missing.
    :param adopt: a policy decides: the plan's tasks wait in the queues of their VMs, as far as those were
        launched, and all others for whichever VM; without it, a task that has no VM has failed.
    """
    records = {vm["id"]: vm_record(vm) for vm in vms}
    for report in reports:
        if report["instance_id"] is None:
            lost = replace(records[report["vm_id"]], state=VmState.LOST, reason=report["reason"])
            records[lost.id] = lost
    if adopt:
        tasks = {id_: _adopted_record(id_, id_ in finished, records, run) for id_ in task_ids}
        return RunState(run.started_at, run.deadline, vms=records, tasks=tasks)
    placed = {task_id for vm in records.values() for task_id in vm.task_ids}
    tasks = {task_id: _first_record(task_id, task_id in finished, task_id in placed) for task_id in task_ids}
    return RunState(run.started_at, run.deadline, vms=records, tasks=tasks)


def _first_record(task_id: str, finished: bool, placed: bool) -> TaskRecord:
    if finished:
        return TaskRecord(task_id, TaskState.FINISHED)
    if placed:
        return TaskRecord(task_id)
    return TaskRecord(task_id, TaskState.FAILED, reason="the plan has no VM for it", infrastructure=True)


def _adopted_record(task_id: str, finished: bool, vms: Mapping[str, VmRecord], run: RunContext) -> TaskRecord:
    if finished:
        return TaskRecord(task_id, TaskState.FINISHED)
    name = attempt_id(task_id, 1, run.generation)
    queued = tuple(
        Attempt(name, vm.id, AttemptState.QUEUED, ordered_at=0.0)
        for vm in vms.values()
        if task_id in vm.task_ids and not vm.state.ended
    )
    return TaskRecord(task_id, TaskState.STAGED if queued else TaskState.WAITING, queued)

"""Which tasks wait for which VM: the plan's assignment, as far as it has not been changed."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import fits
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import TaskRecord, TaskState, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["Queues", "is_gone"]


def is_gone(orders: Orders, vm: VmRecord) -> bool:
    """Say whether nothing will be begun on a VM any more: it has ended, is being ended, or has notice."""
    return vm.state.ended or vm.leaves_at is not None or orders.ending(vm.id)


class Queues:
    """The queues of all VMs. A task waits in the one of its VM, its home, until that gives it a slot.

    What a VM has in its own queue already (the deployment of a plan puts it there) is on its way; it is
    taken back when its VM falls asleep.
    """

    def __init__(self, ledger: Ledger, orders: Orders) -> None:
        self._ledger = ledger
        self._orders = orders
        self._homes: dict[str, str] = {}
        self._queues: dict[str, dict[str, None]] = {}
        self._take_back()
        for vm in ledger.vms.values():
            self._homes.update(dict.fromkeys(vm.task_ids, vm.id))
        for vm in ledger.vms.values():
            queue = {id_: None for id_ in vm.task_ids if self._homes[id_] == vm.id and self.waits(id_)}
            if queue:
                self._queues[vm.id] = queue

    def waits(self, task_id: str) -> bool:
        """Say whether a task waits for its VM to give it a slot."""
        task = self._ledger.tasks[task_id]
        if task.state is TaskState.WAITING:
            return True
        return task.state is TaskState.FROZEN and not self._is_frozen_at_home(task)

    def waiting(self, vm: VmRecord) -> list[str]:
        """Return the tasks that wait for a VM, in the order in which they are to start."""
        return [task_id for task_id in self._queues.get(vm.id, ()) if self.waits(task_id)]

    def home(self, task_id: str) -> VmRecord | None:
        """Return the VM that a task waits for; None where the plan has none for it."""
        home = self._homes.get(task_id)
        return None if home is None else self._ledger.vms[home]

    def with_queues(self) -> list[VmRecord]:
        """Return the VMs that something may wait for."""
        return [self._ledger.vms[vm_id] for vm_id, queue in self._queues.items() if queue]

    def orphans(self) -> list[str]:
        """Return the tasks that wait for no VM, or for one that is gone; longest first."""
        ledger = self._ledger
        waiting = (ledger.terms.order[rank].id for rank in (*ledger.waiting, *ledger.frozen))
        return [task_id for task_id in waiting if self.waits(task_id) and self._is_orphan(task_id)]

    def next_for(self, vm: VmRecord) -> Task | None:
        """Return the first task that waits for a VM and fits beside what runs there."""
        tasks = self._ledger.terms.job.tasks
        waiting = (id_ for id_ in self._queues.get(vm.id, ()) if self.waits(id_))
        return next((tasks[id_] for id_ in waiting if fits(self._ledger, vm, tasks[id_])), None)

    def move(self, task_id: str, vm: VmRecord, reason: Reason) -> VmRecord:
        """Put a task at the end of another VM's queue; return that VM."""
        ledger = self._ledger
        home = self.home(task_id)
        if home is not None:
            kept = tuple(one for one in home.task_ids if one != task_id)
            ledger.put_vm(amended(home, task_ids=kept))
            self._queues.get(home.id, {}).pop(task_id, None)
        known = ledger.vms[vm.id]
        ledger.put_vm(amended(known, task_ids=(*known.task_ids, task_id)))
        self._homes[task_id] = vm.id
        self._queues.setdefault(vm.id, {})[task_id] = None
        ledger.put_task(amended(ledger.tasks[task_id], moved=reason.value))
        return ledger.vms[vm.id]

    def reason(self, task_id: str) -> Reason:
        """Return why a task starts where it waits."""
        moved = self._ledger.tasks[task_id].moved
        return Reason(moved) if moved else Reason.FOLLOWS_PLAN

    def _take_back(self) -> None:
        """Take what waits in queues on VMs that sleep back: it can be begun elsewhere without loss."""
        for vm in list(self._ledger.vms.values()):
            if vm.state.asleep and self._ledger.work[vm.id]:
                for task_id in list(self._ledger.work[vm.id].values()):
                    for one in self._ledger.tasks[task_id].attempts:
                        if one.vm_id == vm.id and one.state is AttemptState.QUEUED:
                            self._orders.steal(self._ledger.tasks[task_id], one, Reason.MIGRATED)

    def _is_frozen_at_home(self, task: TaskRecord) -> bool:
        home = self._homes.get(task.id)
        return any(one.vm_id == home for one in task.attempts if not one.state.ended)

    def _is_orphan(self, task_id: str) -> bool:
        home = self.home(task_id)
        return home is None or is_gone(self._orders, home)

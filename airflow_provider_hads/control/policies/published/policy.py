"""``hads`` and ``burst-hads``: the dynamic schedulers of the original."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import drop_superseded, end_all, free_vms, wake_by
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.control.policies.published.idle import retire
from airflow_provider_hads.control.policies.published.queues import Queues, is_gone
from airflow_provider_hads.control.policies.published.stealing import Thief
from airflow_provider_hads.control.policies.published.targets import Targets
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import TaskState, VmRecord

__all__ = ["burst_hads", "hads"]


def hads(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Follow the plan; keep the tasks of hibernated VMs where they are until the latest safe time.

    HADS (Teylo, Arantes, Sens, Drummond: "A dynamic task scheduler tolerant to multiple hibernations in cloud
    environments", Cluster Computing 24, 2021), with the plan's queue for each VM, migration, work stealing
    and allocation cycles. The latest safe time is that of the whole run: the last moment from which all open
    work, were all spot VMs lost, would be done in time on on-demand VMs. See :class:`_Published` for what
    differs from the published program.
    """
    _Published(ledger, orders, elapsed, burst=False).decide()


def burst_hads(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Follow the plan; move the tasks of hibernated VMs at once, to burstable VMs first.

    Burst-HADS (Teylo, Arantes, Sens, Drummond: "Scheduling Bag-of-Tasks in Clouds using Spot and Burstable
    Virtual Machines", IEEE Transactions on Cloud Computing 11(1), 2023). Idle burstable VMs earn CPU credits
    and take migrated tasks at full speed; they steal in baseline mode. See :class:`_Published` for what
    differs from the published program.
    """
    _Published(ledger, orders, elapsed, burst=True).decide()


class _Published:
    """One decision by the published algorithms.

    What differs from the published programs:

    - The guard of the deadline (:class:`~airflow_provider_hads.control.policies.guard.Guard`) watches: an
      on-demand VM starts what its queue has next only if the run stays safe, and launches and re-runs happen
      at the latest safe time. The original has no such test, and misses deadlines.
    - A task that migrates keeps its frozen attempt: if its VM is resumed, the first copy to end counts. The
      original forgets it.
    - The slack test of spot targets is the right way round, and counts what runs there (see
      :class:`~airflow_provider_hads.control.policies.published.targets.Targets`).
    - A spot VM that is gone for good, or could not be had, may be replaced by one of another type, where the
      slack allows; the original goes to on-demand VMs at once.
    - A VM steals for each of its free slots, not only when all of them are, and from hibernated VMs too.
    """

    def __init__(self, ledger: Ledger, orders: Orders, elapsed: float, *, burst: bool) -> None:
        self._ledger = ledger
        self._orders = orders
        self._elapsed = elapsed
        self._burst = burst

    def decide(self) -> None:
        ledger, orders, elapsed = self._ledger, self._orders, self._elapsed
        if ledger.ended:
            end_all(ledger, orders)
            return
        drop_superseded(ledger, orders)
        self._queues = Queues(ledger, orders)
        guard = Guard(ledger, orders, elapsed, pick=self._pick)
        self._targets = Targets(ledger, orders, elapsed, self._queues, guard)
        self._thief = Thief(ledger, orders, elapsed, self._queues, self._targets)
        all_placed = self._migrate(at_once=self._burst or guard.due)
        self._fill()
        guard.fill()
        guard.act()
        if not all_placed:
            self._try_again()
        retire(ledger, orders, elapsed, self._queues, self._targets, guard)

    def _migrate(self, *, at_once: bool) -> bool:
        """Move the tasks of VMs that are gone; say whether all of them have found a place.

        :param at_once: move those of VMs that sleep, too.
        """
        all_placed = True
        orphans: dict[str | None, list[str]] = {}
        for task_id in self._queues.orphans():
            home = self._queues.home(task_id)
            orphans.setdefault(None if home is None else home.id, []).append(task_id)
        for vm_id, task_ids in orphans.items():
            home = None if vm_id is None else self._ledger.vms[vm_id]
            lost = self._ledger.kind(home) if home is not None and home.market is Market.SPOT else None
            all_placed &= self._targets.migrate(task_ids, burst=self._burst, replace=lost)
        if at_once:
            for vm in list(self._ledger.vms.values()):
                if vm.state.asleep and not is_gone(self._orders, vm):
                    all_placed &= self._targets.migrate(self._affected(vm), burst=self._burst)
        return all_placed

    def _affected(self, vm: VmRecord) -> list[str]:
        """Return what a VM that sleeps holds up: its frozen tasks, and those that wait for it."""
        ledger, ranks = self._ledger, self._ledger.terms.ranks
        frozen = [
            task_id
            for task_id in set(ledger.work[vm.id].values())
            if task_id in vm.task_ids and ledger.tasks[task_id].state is TaskState.FROZEN
        ]
        return sorted({*frozen, *self._queues.waiting(vm)}, key=ranks.__getitem__)

    def _fill(self) -> None:
        """Give the free slots of spot and burstable VMs what waits for them, or what they can steal."""
        free = [*free_vms(self._ledger, Market.SPOT), *free_vms(self._ledger, Market.ON_DEMAND)]
        for vm in free:
            if vm.market is Market.ON_DEMAND and self._ledger.kind(vm).burstable is None:
                continue
            while vm.id in self._ledger.free and not is_gone(self._orders, self._ledger.vms[vm.id]):
                picked = self._pick(self._ledger.vms[vm.id])
                if picked is None:
                    break
                self._orders.assign(self._ledger.vms[vm.id], self._ledger.tasks[picked[0].id], picked[1])

    def _pick(self, vm: VmRecord) -> tuple[Task, Reason] | None:
        """Return what a VM with a free slot starts next: what waits for it, or else what it can steal."""
        task = self._queues.next_for(vm)
        if task is not None:
            return task, self._queues.reason(task.id)
        if self._queues.waiting(vm):
            return None
        stolen = self._thief.steal(vm)
        if stolen is None:
            return None
        return self._ledger.terms.job.tasks[stolen], Reason.STOLEN

    def _try_again(self) -> None:
        """Look again when the cloud may have VMs that it had not."""
        pauses = [until for until in self._ledger.pauses.values() if until > self._elapsed]
        wake_by(self._ledger, min(pauses, default=None))

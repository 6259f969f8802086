"""Work stealing: a VM with a free slot takes what waits elsewhere, when that ends sooner and safely here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import fits
from airflow_provider_hads.control.policies.published.queues import Queues
from airflow_provider_hads.control.policies.published.targets import Targets
from airflow_provider_hads.control.remaining import attempt_of, slot_ends
from airflow_provider_hads.model.run_state import VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["Thief"]

Loot: TypeAlias = "tuple[float, str, str]"
"""When a task would end where it waits (seconds since the run's start), the task, and the attempt, where a VM
has it in its own queue."""


class Thief:
    """Finds what can be stolen, what would end last first.

    Spot and on-demand VMs steal for full speed, burstable ones in baseline mode, so that their credits stay.
    The original steals only what would end after its VM's allocation cycle; seconds are billed now, so
    whatever ends sooner here is worth it.
    """

    def __init__(
        self, ledger: Ledger, orders: Orders, elapsed: float, queues: Queues, targets: Targets
    ) -> None:
        self._ledger = ledger
        self._orders = orders
        self._elapsed = elapsed
        self._queues = queues
        self._targets = targets

    def steal(self, vm: VmRecord) -> str | None:
        """Return the task that a VM with a free slot should begin, though it waits for another.

        One that waits in another VM's own queue can't be begun yet: it has to be given back by that first,
        and waits here until then.
        """
        loot = next((loot for loot in self._loot if self._is_worth_it(vm, loot)), None)
        if loot is None:
            return None
        _, task_id, queued = loot
        self._targets.occupy(vm, self._targets.end_on(vm, task_id))
        if not queued:
            return task_id
        self._queues.move(task_id, vm, Reason.STOLEN)
        attempt = attempt_of(self._ledger, task_id, queued)
        self._orders.steal(self._ledger.tasks[task_id], attempt, Reason.STOLEN)
        return None

    def _is_worth_it(self, vm: VmRecord, loot: Loot) -> bool:
        end_there, task_id, queued = loot
        home = self._queues.home(task_id)
        if home is None or home.id == vm.id or not self._is_there(task_id, queued):
            return False
        if not fits(self._ledger, vm, self._ledger.terms.job.tasks[task_id]):
            return False
        end = self._targets.end_on(vm, task_id)
        return end < end_there and end <= self._targets.latest_on(vm, task_id)

    @cached_property
    def _loot(self) -> list[Loot]:
        return sorted((*self._in_queues(), *self._on_vms()), reverse=True)

    def _in_queues(self) -> Iterator[Loot]:
        """Yield what waits for VMs."""
        for vm in self._queues.with_queues():
            yield from ((end, task_id, "") for end, task_id in self._targets.queue_ends(vm))

    def _on_vms(self) -> Iterator[Loot]:
        """Yield what waits last in the queue on each VM, where a plan's deployment has put it."""
        for vm_id, at_work in self._ledger.work.items():
            vm = self._ledger.vms.get(vm_id)
            slots = 0 if vm is None else self._ledger.terms.slots(self._ledger.kind(vm))
            if vm is None or vm.state is not VmState.READY or len(at_work) <= slots:
                continue
            ranks = {task_id: rank for rank, task_id in enumerate(vm.task_ids)}
            waiting = [
                (ranks.get(task_id, len(ranks)), task_id, name)
                for name, task_id in at_work.items()
                if attempt_of(self._ledger, task_id, name).state is AttemptState.QUEUED
            ]
            if waiting:
                _, task_id, name = max(waiting)
                yield max(slot_ends(self._ledger, vm, self._elapsed, slots)), task_id, name

    def _is_there(self, task_id: str, queued: str) -> bool:
        if not queued:
            return self._queues.waits(task_id)
        attempt = attempt_of(self._ledger, task_id, queued)
        return attempt.state is AttemptState.QUEUED and f"steal/{queued}" not in self._ledger.pending

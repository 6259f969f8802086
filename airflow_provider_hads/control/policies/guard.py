"""The guard of the deadline: launches and uses on-demand VMs when it would be unsafe not to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import TypeAlias

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.backstop import (
    Backstop,
    Busy,
    act_by,
    chain_seconds,
    covered_tasks,
    doubted_seconds,
    find_backstop,
    uncovered,
)
from airflow_provider_hads.control.backstop_fleet import LAUNCHING
from airflow_provider_hads.control.known_plan import are_whole, known_backstop, still_to_do
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import paused, room, room_on_demand
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import can_run_on, fits, free_vms, next_fitting
from airflow_provider_hads.control.policies.eviction import free_vcpus
from airflow_provider_hads.control.remaining import kept_share, run_seconds
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import Chain, VmRecord

__all__ = ["SOON", "Guard", "Pick"]

Pick: TypeAlias = Callable[[VmRecord], "tuple[Task, Reason] | None"]
"""Returns the task that a VM is to start next, and why; None where there is none for it."""

SOON = 1e-3
"""Seconds; what is due within them is due now."""

NEXT_LOOK = 1.0
"""Seconds until the next look while VMs are being ended to make room: something else may be due meanwhile.

No VM is ended that would be due again before.
"""


class Begun(Enum):
    """What has become of what was due."""

    NOTHING = auto()
    NOW = auto()
    WHEN_VMS_HAVE_ENDED = auto()


class Guard:
    """Keeps the last backstop plan that meets the deadline, and begins it piece by piece as it must.

    A new plan is made when the old one is due: most of the time nothing has to be planned at all. Where the
    new one is late, the old one is followed. A reserve gives way where no plan has the time for it.

    :param elapsed: seconds since the run's start.
    :param reserve: seconds by which all is to be done before it would have to be.
    :param pick: what a free slot of an on-demand VM is to start if that is safe, and why; by default the
        longest task that waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        orders: Orders,
        elapsed: float,
        reserve: float = 0.0,
        pick: Pick | None = None,
    ) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._orders = orders
        self._elapsed = elapsed
        self._last = ledger.deadline - self._mission.safety
        self.limit = self._last - reserve
        self._pick = pick or self._longest
        self._awaited_vcpus = 0
        self._doubted = 0.0
        self._doubt()
        ledger.reserved_vcpus = self._vcpus_due()

    def reserve(self, seconds: float) -> None:
        """Keep some seconds more from now on: all is to be done by so much before it would have to be."""
        self.limit -= seconds
        if seconds:
            self._ledger.safe_until = None

    def _doubt(self) -> None:
        """Begin earlier as long as too few tasks have ended to tell whether estimates hold.

        Never before the known plan could begin: what is safe by the estimates is not unsafe for want of
        experience.
        """
        ledger = self._ledger
        if not ledger.pace.doubted:
            return
        if not ledger.backstop:
            ledger.backstop = find_backstop(ledger, self._elapsed).chains
        slack = act_by(ledger, ledger.backstop, self.limit) - self._elapsed
        seconds = min(doubted_seconds(ledger, ledger.backstop), max(slack, 0.0))
        self.limit -= seconds
        self._doubted = seconds
        if ledger.safe_until is not None:
            ledger.safe_until = min(self._elapsed + slack - seconds, ledger.safe_until)

    @property
    def due(self) -> bool:
        """Whether the latest safe time has come: something of the plan must be begun, or there is none."""
        return self._ledger.safe_until is None or self._ledger.safe_until <= self._elapsed + SOON

    def fill(self) -> None:
        """Give work to the free slots of on-demand VMs."""
        for vm in free_vms(self._ledger, Market.ON_DEMAND):
            if self._ledger.kind(vm).burstable is not None:
                continue
            while vm.id in self._ledger.free and not self._orders.ending(vm.id) and self._fill_slot(vm):
                pass

    def act(self) -> None:
        """Launch what must be launched now, and say when to look again."""
        ledger, waits = self._ledger, False
        for _ in range(len(self._mission.on_demand_types) * 1000):
            if ledger.safe_until is not None and ledger.safe_until > self._elapsed + SOON:
                break
            begun = self._begin()
            waits = begun is Begun.WHEN_VMS_HAVE_ENDED
            if begun is not Begun.NOW:
                ledger.safe_until = ledger.safe_until if waits else None
                break
        if ledger.safe_until is None:
            self.fill()
        due = ledger.safe_until if ledger.safe_until is not None else self._next_due()
        ledger.wake_at = None if due == math.inf else due
        if waits:
            ledger.wake_at = self._elapsed + NEXT_LOOK
        ledger.reserved_vcpus = max(self._vcpus_due(), self._awaited_vcpus)

    def begin(self) -> None:
        """Begin the whole plan now, as if the deadline left no more time than it needs.

        Where there is none, what the limits have a place for: more may have one after it.
        """
        if self._ledger.safe_until == math.inf:
            return
        end, known = self._plan().end, self._ledger.safe_until is not None
        if known and end < self.limit:
            self.limit = end
            self._ledger.safe_until = self._elapsed
            self.act()
        elif not known and end == math.inf:
            self.limit = self._elapsed
            self.act()

    def end_idle(self) -> None:
        """End on-demand VMs that have no work, if the plan can do without them."""
        for vm in free_vms(self._ledger, Market.ON_DEMAND):
            if self._ledger.work[vm.id] or self._orders.ending(vm.id):
                continue
            if not self.end(vm, Reason.VM_IDLE) and self._is_of_no_use(vm):
                self._orders.terminate(vm, Reason.VM_IDLE)
                self._ledger.safe_until = None

    def end(self, vm: VmRecord, reason: Reason) -> bool:
        """End an on-demand VM, if the plan can do without it; say whether it was."""
        plan = self._plan(without=vm.id)
        soon = self._elapsed + max(self._mission.boot / 2, NEXT_LOOK)
        more_doubt = max(doubted_seconds(self._ledger, plan.chains) - self._doubted, 0.0)
        if plan.end > self._latest or self._due(plan) - more_doubt <= soon:
            return False
        self._orders.terminate(vm, reason)
        self._keep(plan)
        return True

    def _is_of_no_use(self, vm: VmRecord) -> bool:
        """Say whether no open task could run on a VM; it may take the place of one that is needed."""
        kind, tasks = self._ledger.kind(vm), self._ledger.tasks
        unfinished = (task for task in self._mission.order if not tasks[task.id].state.ended)
        return not any(can_run_on(kind, task) for task in unfinished)

    def allows_launch(self, kind: InstanceType) -> bool:
        """Say whether there is a plan, were an on-demand VM of that type launched now.

        Or, where there is none as it is, whether the quickest would end no later for it.
        """
        end = self._plan(launching=kind).end
        return end <= self._latest or end <= self._plan().end + SOON

    def launch(self, kind: InstanceType, reason: Reason) -> VmRecord:
        """Launch an on-demand VM that is not due yet, and keep the plan in which it has its place."""
        plan = self._plan(launching=kind)
        vm = self._orders.launch(kind, Market.ON_DEMAND, reason)
        if plan.end <= self._latest:
            self._keep(Backstop(_with_launched(plan.chains, vm), plan.end))
        return vm

    def _fill_slot(self, vm: VmRecord) -> bool:
        """Start a task that waits, if that leaves the run safe; else what the plan has here, if it is due."""
        picked = self._pick(vm)
        task = picked[0] if picked is not None else None
        if picked is not None and self._is_safe(vm, picked[0]):
            self._orders.assign(vm, self._ledger.tasks[picked[0].id], picked[1])
            return True
        due = self._planned_here(vm, must=task is None)
        if due is not None:
            self._orders.assign(vm, self._ledger.tasks[due.id], Reason.BACKSTOP_NEEDS_IT)
            return True
        if self._ledger.safe_until is not None and task is None:
            return False
        wrong = self._ledger.pace.spread and self._ledger.safe_until is None
        if not wrong and self._plan().end <= self._last + SOON:
            return False
        # Tasks may turn out to be slower than the known plan reckoned with: it is none any more.
        self._ledger.safe_until = None
        return self._least_late(vm)

    def _longest(self, vm: VmRecord) -> tuple[Task, Reason] | None:
        task = next_fitting(self._ledger, vm, self._ledger.waiting)
        return None if task is None else (task, Reason.LONGEST_FIRST)

    def _least_late(self, vm: VmRecord) -> bool:
        """If no plan is sure to meet the deadline, start what waits, or else copy what may be lost."""
        ledger = self._ledger
        if next_fitting(ledger, vm, ledger.waiting) is not None:
            task = self._left_for(vm)
        else:
            at_risk = uncovered(ledger, covered_tasks(ledger, self._elapsed))
            task = next((one for one in at_risk if fits(ledger, vm, one)), None)
        if task is None:
            return False
        self._orders.assign(vm, ledger.tasks[task.id], Reason.LEAST_LATENESS)
        return True

    def _left_for(self, vm: VmRecord) -> Task | None:
        """Return the longest task that waits and fits, without those that the quickest plan has elsewhere."""
        chains = find_backstop(self._ledger, self._elapsed).chains
        elsewhere = {task_id for chain in chains for task_id in chain.task_ids if chain.vm_id != vm.id}
        order = self._mission.order
        ranks = (rank for rank in self._ledger.waiting if order[rank].id not in elsewhere)
        return next_fitting(self._ledger, vm, ranks)

    def _is_safe(self, vm: VmRecord, task: Task) -> bool:
        until = self._end_on(vm, task)
        if until > self._last + SOON:
            return False
        plan = self._plan(trial=Busy(vm.id, task.id, until))
        end = max(plan.end, until)
        if self._latest < end <= self._last + SOON:
            self._give_way(self._plan().end)
        if end > self._latest and end > min(self._last, self._earliest_end()) + SOON:
            return False  # else to leave the slot free would make it no safer
        self._keep(plan)
        return True

    def _earliest_end(self) -> float:
        """Return the end of the quicker one of a new plan and the known one."""
        plans = (one(self._ledger, self._elapsed) for one in (find_backstop, known_backstop))
        return min(plan.end for plan in plans)

    def _planned_here(self, vm: VmRecord, *, must: bool) -> Task | None:
        """Return the task with which the plan's most urgent chain on a VM goes on.

        :param must: only if it must be started now.
        """
        urgent: tuple[float, Task] | None = None
        for chain in self._known_chains():
            latest = self.limit - chain.seconds
            if (
                chain.vm_id == vm.id
                and (latest <= self._elapsed + SOON or not must)
                and (urgent is None or latest < urgent[0])
            ):
                task = self._mission.job.tasks[chain.task_ids[0]]
                is_due = latest <= self._elapsed + SOON
                if fits(self._ledger, vm, task) and (is_due or self._leaves_memory(vm, task)):
                    urgent = latest, task
        return None if urgent is None else urgent[1]

    def _leaves_memory(self, vm: VmRecord, task: Task) -> bool:
        """Say whether the known plan is in time with a task of it begun now, or ends no later for it.

        Where each slot has its share of the memory, it may take that of a larger task of another slot.
        """
        if vm.instance_type not in self._mission.mixed_types:
            return True
        trial = Busy(vm.id, task.id, self._end_on(vm, task))
        end = known_backstop(self._ledger, self._elapsed, trial=trial).end
        return end <= self._latest or end <= known_backstop(self._ledger, self._elapsed).end + SOON

    def _end_on(self, vm: VmRecord, task: Task) -> float:
        """Return when a task would have ended that a VM began now."""
        kept = kept_share(self._ledger, task.id, self._elapsed)
        return self._elapsed + run_seconds(self._ledger, vm, task.id, self._elapsed, kept, careful=True)

    def _begin(self) -> Begun:
        """Plan anew, and if something is due all the same, do it."""
        plan = self._plan()
        self._give_way(plan.end)
        if plan.end <= self._latest:
            self._keep(plan)
            if self._due(plan) > self._elapsed + SOON:
                return Begun.NOW
        before = len(self._orders.issued)
        self.fill()
        if len(self._orders.issued) > before or self._can_do_without_launches():
            return Begun.NOW
        return self._launch_for(plan if plan.end <= self._latest else self._what_is_known(plan))

    def _can_do_without_launches(self) -> bool:
        """Keep a plan on the VMs that are launched, if there is one with nothing due now.

        A plan has each task where it ends first, be that on one VM more; it need not be launched for that.
        """
        plan = find_backstop(self._ledger, self._elapsed, launched_only=True)
        if plan.end > self._latest or self._due(plan) <= self._elapsed + SOON:
            return False
        self._keep(plan)
        return True

    def _what_is_known(self, fresh: Backstop) -> Backstop:
        """Return the last plan that met the deadline, as far as it is still to be done.

        A new one, if there is nothing left of it, or a task that is not in it.
        """
        living, covered = self._ledger.living[Market.ON_DEMAND], covered_tasks(self._ledger, self._elapsed)
        chains = [one for one in self._known_chains() if not one.launched or one.vm_id in living]
        is_whole = chains and are_whole(self._ledger, chains, covered)
        return Backstop(tuple(chains), self.limit) if is_whole else fresh

    def _known_chains(self) -> list[Chain]:
        covered = covered_tasks(self._ledger, self._elapsed)
        return still_to_do(self._ledger, self._elapsed, covered)

    def _launch_for(self, plan: Backstop) -> Begun:
        """Launch the VM of which each useful slot is cheapest, or make room for it."""
        soon = self._elapsed + max(self._mission.boot, SOON)
        useful = [one for one in plan.chains if not one.launched and self._launch_by(one) <= soon]
        tasks = [self._mission.job.tasks[task_id] for one in useful for task_id in one.task_ids]
        kinds = [
            kind
            for kind in self._mission.on_demand_types
            if self._may_launch(kind) and any(can_run_on(kind, task) for task in tasks)
        ]
        if not kinds:
            return Begun.NOTHING
        kind, way_out = self._choose(plan, kinds, len(useful))
        if not room(self._ledger, kind, Market.ON_DEMAND):
            # The cloud counts what is being ended until it has ended: a launch would be refused.
            self._awaited_vcpus = max(kind.vcpus, self._vcpus_due())
            free_vcpus(self._ledger, self._orders, self._awaited_vcpus, self._elapsed)
            return Begun.WHEN_VMS_HAVE_ENDED
        vm = self._orders.launch(kind, Market.ON_DEMAND, Reason.LATEST_SAFE_TIME)
        self._ledger.backstop = _with_launched(way_out.chains, vm)
        return Begun.NOW

    def _choose(
        self, plan: Backstop, kinds: list[InstanceType], useful: int
    ) -> tuple[InstanceType, Backstop]:
        """Return the type of which each useful slot is cheapest and that leaves a way out, and that.

        One VM of a small type may take the last place that the limits have for one of a large type. Where
        none leaves a way out that can be found, it is one that the known plan has, or else the quickest.
        """
        due = [
            one for one in plan.chains if not one.launched and self._launch_by(one) <= self._elapsed + SOON
        ]
        in_time = [kind for kind in kinds if any(self._is_quick_enough(kind, chain) for chain in due)]
        cheapest = sorted(in_time or kinds, key=lambda kind: self._price(kind, useful))
        planned = {chain.instance_type for chain in due}
        plans = ((kind, self._plan(launching=kind)) for kind in cheapest)
        for kind, way_out in plans:
            if way_out.end <= self._latest:
                return kind, way_out
        kind = next((kind for kind in cheapest if kind.name in planned), None) or min(
            cheapest, key=lambda kind: self._plan(launching=kind).end
        )
        return kind, plan

    def _vcpus_due(self) -> int:
        """Return the vCPUs of the plan's VMs that are to be launched now; 0 where there is no limit.

        If something is due, they are those of all that will be within a boot: these are launched with it.
        """
        if self._mission.vcpu_limit is None:
            return 0
        soon = self._elapsed + max(self._mission.boot if self.due else 0.0, SOON)
        types = {
            one.vm_id: self._mission.types[one.instance_type]
            for one in self._known_chains()
            if not one.launched and self._launch_by(one) <= soon
        }
        return sum(kind.vcpus for kind in types.values() if self._may_launch(kind))

    def _may_launch(self, kind: InstanceType) -> bool:
        """Say whether an on-demand VM of that type could be launched, were all spot VMs ended for it."""
        is_paused = paused(self._ledger, kind, Market.ON_DEMAND, self._elapsed)
        return not is_paused and room_on_demand(self._ledger, kind) > 0

    def _is_quick_enough(self, kind: InstanceType, chain: Chain) -> bool:
        """Say whether a VM of that type, launched now, would end a chain in time."""
        if kind.name == chain.instance_type:
            return True
        if not all(can_run_on(kind, self._mission.job.tasks[task_id]) for task_id in chain.task_ids):
            return False
        seconds = chain_seconds(self._ledger, chain.task_ids, kind.name, self._elapsed)
        return self._elapsed + self._mission.ahead + seconds <= self._latest

    def _price(self, kind: InstanceType, useful: int) -> float:
        return kind.price(Market.ON_DEMAND) / min(self._mission.usual_slots(kind), useful)

    def _launch_by(self, chain: Chain) -> float:
        return self.limit - self._mission.ahead - chain.seconds

    @property
    def _latest(self) -> float:
        return self.limit + SOON

    def _plan(
        self, trial: Busy | None = None, without: str | None = None, launching: InstanceType | None = None
    ) -> Backstop:
        """Return a new plan, or the known one where that is in time and the new one is not."""
        ledger, elapsed = self._ledger, self._elapsed
        fresh = find_backstop(ledger, elapsed, trial=trial, without=without, launching=launching)
        if fresh.end <= self._last + SOON or ledger.pace.spread:
            return fresh  # by estimates that were wrong, what is known is no plan to hold on to
        known = known_backstop(ledger, elapsed, trial=trial, without=without, launching=launching)
        return known if known.end < fresh.end else fresh

    def _give_way(self, end: float) -> None:
        """Keep no more in reserve than a plan that ends then leaves, if it is in time without any.

        Not while estimates are doubted, or were wrong: what is kept for that has its use then.
        """
        pace = self._ledger.pace
        if self._latest < end <= self._last + SOON and not (pace.spread or pace.doubted):
            self.limit = min(end, self._last)

    def _next_due(self) -> float:
        """Return when the known plan's next part is due; that which is due now may wait for a slot."""
        dues = (self._due(Backstop((chain,), 0.0)) for chain in self._known_chains())
        return min((due for due in dues if due > self._elapsed + SOON), default=math.inf)

    def _due(self, plan: Backstop) -> float:
        return act_by(self._ledger, plan.chains, self.limit)

    def _keep(self, plan: Backstop) -> None:
        self._ledger.backstop = plan.chains
        self._ledger.safe_until = self._due(plan)


def _with_launched(chains: tuple[Chain, ...], vm: VmRecord) -> tuple[Chain, ...]:
    """Return a plan in which a VM that has just been launched has its place.

    That of one that the plan takes for launched now, or else of one of its type: that with the most to do.
    """
    places = [chain for chain in chains if _is_place(chain, vm)]
    if not places:
        return chains
    place = max(places, key=lambda chain: (chain.vm_id.endswith(LAUNCHING), chain.seconds)).vm_id
    return tuple(
        replace(chain, vm_id=vm.id, launched=True) if chain.vm_id == place and _is_place(chain, vm) else chain
        for chain in chains
    )


def _is_place(chain: Chain, vm: VmRecord) -> bool:
    is_free = not chain.launched or chain.vm_id.endswith(LAUNCHING)
    return is_free and chain.instance_type == vm.instance_type

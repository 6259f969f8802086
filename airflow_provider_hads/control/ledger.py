"""The books of a run while a step is made: the state's records, and indices that are derived from them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, TypeVar

from airflow_provider_hads.control.exposure import Weather
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.pace import Pace
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.tries import Tries
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import (
    Attempt,
    RunState,
    Setback,
    TaskRecord,
    TaskState,
    VmRecord,
    VmState,
)
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["Ledger", "amended"]

Record = TypeVar("Record", VmRecord, TaskRecord, Attempt)


def amended(record: Record, **changes: Any) -> Record:
    """Return a record with some fields changed: ``dataclasses.replace`` at a tenth of its cost."""
    new = object.__new__(type(record))
    new.__dict__.update(record.__dict__, **changes)
    return new


class Ledger:
    """A run's state, opened for changes.

    The records are the frozen ones of :class:`~airflow_provider_hads.model.run_state.RunState`; they are
    replaced, through :meth:`put_vm` and :meth:`put_task`, which keep the indices right. Opening and closing
    cost time in proportion to the whole run, a change does not.

    :param state: what is known.
    :param mission: None for a controller that follows a plan to the letter.

    Derived are: ``work``, the attempts of each VM that have not ended, with their tasks; ``unpublished``,
    tasks of which an attempt has finished; ``living``, the VMs that have not ended, by market; ``counted``,
    those that count against the limits, and ``counts``, how many of each type: VMs that were given up are
    among them until the cloud says that they have ended; and with a
    mission ``waiting`` and ``frozen``, the ranks of tasks in those states, and ``free``, the slots of VMs
    that could start something now. ``reserved_vcpus`` are kept for on-demand VMs that are due, from spot VMs;
    ``tries`` is what :func:`~airflow_provider_hads.control.remaining.tries_of` has reckoned up last.
    """

    def __init__(self, state: RunState, rules: Rules, mission: Mission | None = None) -> None:
        self.rules = rules
        self.mission = mission
        self.started_at = state.started_at
        self.deadline = state.deadline
        self.epoch = state.epoch
        self.supervised_from = state.supervised_from
        self.deadline_missed = state.deadline_missed
        self.miss = state.miss
        self.miss_from: float | None = None
        self.backstop = state.backstop
        self.safe_until: float | None = None
        self.wake_at = state.wake_at
        self.decisions, self.decided = state.decisions, state.decided
        self.launches = max([state.launches, *(vm.sequence + 1 for vm in state.vms.values())])
        self.pauses = dict(state.pauses)
        self.followers = dict(state.followers)
        self.pending: dict[str, None] = dict.fromkeys(state.pending)
        self.setbacks: dict[str, Setback] = dict(state.setbacks)
        self.vms: dict[str, VmRecord] = {}
        self.tasks: dict[str, TaskRecord] = {}
        self.work: dict[str, dict[str, str]] = {}
        self.tries: dict[str, Tries] = {}
        self.unpublished: dict[str, None] = {}
        self.weather = Weather()
        self.pace = Pace()
        self.open_tasks = 0
        self.waiting: list[int] = []
        self.frozen: list[int] = []
        self.living: dict[Market, dict[str, None]] = {Market.SPOT: {}, Market.ON_DEMAND: {}}
        self.counted: dict[Market, dict[str, None]] = {Market.SPOT: {}, Market.ON_DEMAND: {}}
        self.counts: Counter[tuple[str, Market]] = Counter()
        self.free: dict[str, int] = {}
        self.reserved_vcpus = 0
        self.changed = True
        self.opened = True
        for vm in state.vms.values():
            self.put_vm(vm)
        for task in state.tasks.values():
            self.put_task(task)
        # What has become of VMs and tasks is no news when the books are opened.
        self.safe_until = state.safe_until
        self.widened_at = state.widened_at
        self.miss_from = state.miss_from
        # The policy has decided on this state already, unless this is the run's first step.
        self.changed = state.supervised_from is None

    def close(self) -> RunState:
        """Return the state that the books amount to."""
        return RunState(
            started_at=self.started_at,
            deadline=self.deadline,
            epoch=self.epoch,
            vms=dict(self.vms),
            tasks=dict(self.tasks),
            supervised_from=self.supervised_from,
            pending=tuple(self.pending),
            setbacks=dict(self.setbacks),
            deadline_missed=self.deadline_missed,
            backstop=self.backstop,
            safe_until=self.safe_until,
            wake_at=self.wake_at,
            widened_at=self.widened_at,
            launches=self.launches if self.mission else 0,
            pauses=dict(self.pauses),
            followers=dict(self.followers),
            decisions=self.decisions,
            decided=self.decided,
            miss=self.miss,
            miss_from=self.miss_from,
        )

    @property
    def ended(self) -> bool:
        """Whether every task is done with."""
        return self.open_tasks == 0

    @property
    def terms(self) -> Mission:
        """The mission, for who is only called where there is one.

        :raises ValueError: there is none.
        """
        if self.mission is None:
            raise ValueError("this run follows its plan to the letter: there is no mission to decide by")
        return self.mission

    def moment(self, elapsed: float) -> datetime:
        """Return the time, UTC, that many seconds after the run's start."""
        return self.started_at + timedelta(seconds=elapsed)

    def put_vm(self, vm: VmRecord) -> None:
        """Enter a VM, or what has become of it."""
        known = self.vms.get(vm.id)
        if known is vm:
            return
        self.vms[vm.id] = vm
        if known is None:
            self.work.setdefault(vm.id, {})
        if known is None or known.state is not vm.state:
            self.changed = True
            self.widened_at = self.miss_from = None
            self._count_vm(known, vm)
            if vm.state is VmState.LOST and vm.market is Market.ON_DEMAND:
                self.safe_until = None  # refused, or of no use: the way out may have reckoned with it
        elif known.leaves_at != vm.leaves_at:
            self.changed = True
            self.widened_at = None
            if self.mission is not None:
                self._count_slots(vm.id)
        self.weather.follow(known, vm)

    def put_task(self, task: TaskRecord) -> None:
        """Enter a task, or what has become of it."""
        known = self.tasks.get(task.id)
        if known is task:
            return
        self.tasks[task.id] = task
        self.changed = True
        self._count(known, task)
        finished = lost = False
        for attempt in task.attempts:
            at_work = self.work.setdefault(attempt.vm_id, {})
            if not attempt.state.ended:
                at_work[attempt.id] = task.id
            else:
                was_at_work = at_work.pop(attempt.id, None) is not None
                if was_at_work or known is None:
                    self._compare(task, attempt, news=known is not None)
                lost = lost or (was_at_work and self._was_relied_on(attempt))
                finished = finished or attempt.state is AttemptState.FINISHED
            if self.mission is not None:
                self._count_slots(attempt.vm_id)
        if lost and not finished and not task.state.ended:
            self.safe_until = None  # the way out reckoned with that attempt: it has to be planned anew
        if finished and not task.state.ended:
            self.unpublished[task.id] = None
        else:
            self.unpublished.pop(task.id, None)

    def _was_relied_on(self, attempt: Attempt) -> bool:
        """Say whether an attempt has come to nothing that was on an on-demand VM."""
        vm = self.vms.get(attempt.vm_id)
        on_demand = vm is not None and vm.market is Market.ON_DEMAND
        return on_demand and attempt.state is not AttemptState.FINISHED

    def _compare(self, task: TaskRecord, attempt: Attempt, *, news: bool) -> None:
        """Compare a finished attempt's seconds with its estimate.

        :param news: it has just become known; else the way out has been planned with it.
        """
        if attempt.state is not AttemptState.FINISHED or self.mission is None:
            return
        vm, known = self.vms.get(attempt.vm_id), self.mission.job.tasks.get(task.id)
        estimate = known.runtimes.get(vm.instance_type) if vm is not None and known is not None else None
        if estimate and attempt.progress < 1 and vm is not None:
            share = 1.0 if attempt.burst else vm.cpu_share or 1.0
            before = self.pace.careful
            self.pace.add(attempt.ran * share / (estimate * (1 - attempt.progress)))
            if news and self.pace.careful > before:
                self._hurry(self.pace.careful / before)

    def _hurry(self, factor: float) -> None:
        """Begin the way out earlier: its tasks may take so many times what it was planned with."""
        if self.safe_until is not None:
            longest = max((chain.seconds for chain in self.backstop), default=0.0)
            self.safe_until -= (factor - 1) * longest

    def kind(self, vm: VmRecord) -> InstanceType:
        """Return a VM's instance type; only with a mission."""
        return self.terms.types[vm.instance_type]

    def _count_vm(self, known: VmRecord | None, vm: VmRecord) -> None:
        if not vm.state.ended:
            self.living[vm.market][vm.id] = None
        else:
            self.living[vm.market].pop(vm.id, None)
        counted, counts = known is not None and _counts(known), _counts(vm)
        if counts and not counted:
            self.counted[vm.market][vm.id] = None
            self.counts[vm.instance_type, vm.market] += 1
        elif counted and not counts:
            del self.counted[vm.market][vm.id]
            self.counts[vm.instance_type, vm.market] -= 1
        if self.mission is not None:
            self._count_slots(vm.id)

    def _count_slots(self, vm_id: str) -> None:
        vm = self.vms.get(vm_id)
        usable = vm is not None and vm.state is VmState.READY and vm.leaves_at is None
        if vm is None or not usable or self.mission is None:
            self.free.pop(vm_id, None)
            return
        free = self.mission.slots(self.mission.types[vm.instance_type]) - len(self.work[vm_id])
        if free > 0:
            self.free[vm_id] = free
        else:
            self.free.pop(vm_id, None)

    def _count(self, known: TaskRecord | None, task: TaskRecord) -> None:
        if known is not None and known.state is task.state:
            return
        self.open_tasks += (not task.state.ended) - (known is not None and not known.state.ended)
        if self.mission is None or task.id not in self.mission.ranks:
            return
        rank = self.mission.ranks[task.id]
        if known is not None and (left := self._queue(known.state)) is not None:
            del left[bisect_left(left, rank)]
        if task.state is TaskState.WAITING:
            self.miss_from = None
        if (entered := self._queue(task.state)) is not None:
            insort(entered, rank)

    def _queue(self, state: TaskState) -> list[int] | None:
        if state is TaskState.WAITING:
            return self.waiting
        return self.frozen if state is TaskState.FROZEN else None


def _counts(vm: VmRecord) -> bool:
    """Say whether a VM counts against the limits, which are the cloud's: it counts what it still runs."""
    return not vm.state.ended or (vm.state is VmState.LOST and vm.instance_id is not None)

"""The simulated cloud: an event heap that carries out actions and tells what a controller would see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random

from airflow_provider_hads.control.actions import (
    Action,
    AssignTask,
    CancelAttempt,
    LaunchVm,
    Reason,
    StealTask,
    TerminateVm,
)
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.observation import (
    ActionResult,
    CreditBalance,
    Notice,
    NoticeKind,
    Observation,
)
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind
from airflow_provider_hads.model.runner import AttemptState, VmStatus
from airflow_provider_hads.simulation.event_log import EventLog
from airflow_provider_hads.simulation.hazards import Hazards, Strike
from airflow_provider_hads.simulation.machine import Machine, Phase, Work
from airflow_provider_hads.simulation.setting import OnLoss, Setting
from airflow_provider_hads.simulation.trace_hazards import TraceHazards

__all__ = ["World"]

TICK = 1e-5
"""Seconds; moments are rounded to less, so that a checkpoint may seem to be due again when it was taken."""

INTERRUPTION = "interruption"
"""Cause of an end that the cloud wanted."""


class World:
    """All that is outside of a run's controller.

    Actions are carried out at once and without fail; what they and the passing time bring about is told by
    the next :class:`~airflow_provider_hads.control.observation.Observation`.

    :param expiry: end of all leases, Unix seconds.
    :param log: takes the events.
    """

    def __init__(
        self,
        mission: Mission,
        setting: Setting,
        started_at: datetime,
        expiry: float,
        random: Random,
        log: EventLog,
    ) -> None:
        self.now = 0.0
        self.machines: dict[str, Machine] = {}
        self.interruptions = self.hibernations = self.resumes = self.steals = 0
        self.makespan = 0.0
        self._mission = mission
        self._setting = setting
        self._started_at = started_at
        self._expiry = expiry
        self._log = log
        self._heap: list[tuple[float, int, Strike]] = []
        self._count = 0
        self._changed: dict[str, None] = {}
        self._heard: dict[str, None] = {}
        self._saved: dict[str, float] = {}
        self._notices: dict[str, Notice] = {}
        self._kept: dict[str, float] = {}
        self._finished: dict[str, float] = {}
        self._results: list[ActionResult] = []
        self._hazards = Hazards(setting, random, self.schedule, self.interrupt, self.resume)
        until = expiry - started_at.timestamp()
        self._traces = TraceHazards(setting.traces, until, random, self.schedule, self.interrupt, self.resume)
        sigma = setting.estimate_error
        factors = (random.lognormvariate(0.0, sigma) if sigma else 1.0 for _ in mission.order)
        self._factors = dict(zip((task.id for task in mission.order), factors, strict=True))

    @property
    def cost(self) -> float:
        """Dollars for all VMs that have ended."""
        return sum(one.billed * one.price for one in self.machines.values()) / 3600

    @property
    def next_moment(self) -> float | None:
        """When something happens next, seconds since the run's start."""
        return self._heap[0][0] if self._heap else None

    def schedule(self, moment: float, strike: Strike) -> None:
        """Let something happen later. Moments are whole microseconds, as those of a ``datetime`` are."""
        self._count += 1
        heappush(self._heap, (round(moment, 6), self._count, strike))

    def advance(self, until: float) -> None:
        """Let pass what happens up to a moment, and all that happens at that very moment."""
        self.now = until
        while self._heap and self._heap[0][0] <= until:
            moment, _, strike = heappop(self._heap)
            strike(moment)

    def observe(self) -> Observation:
        """Return what has become known since the last look."""
        if not (self._changed or self._heard or self._results or self._saved or self._notices):
            return Observation()
        heard = [self.machines[vm_id] for vm_id in self._heard if self.machines[vm_id].phase is Phase.UP]
        observation = Observation(
            news={vm_id: self.machines[vm_id].shown for vm_id in self._changed},
            statuses={machine.id: self.status(machine) for machine in heard},
            results=tuple(self._results),
            checkpoints=self._saved,
            notices=self._notices,
            credits={one.id: CreditBalance(self._credits(one)) for one in heard if one.kind.burstable},
        )
        self._changed, self._heard, self._saved, self._results, self._notices = {}, {}, {}, [], {}
        return observation

    def carry_out(self, actions: Iterable[Action]) -> None:
        """Do what the controller wants."""
        for action in actions:
            self._log(self.now, "decision", **_described(action))
            self.steals += action.reason is Reason.STOLEN
            if isinstance(action, AssignTask):
                self._assign(action)
            elif isinstance(action, StealTask):
                self._steal(action)
            elif isinstance(action, LaunchVm):
                if not self.has_room(action.instance_type, action.market):
                    self._results.append(ActionResult(action.key, "no capacity", capacity=True))
                    continue
                self._launch(action)
            elif isinstance(action, TerminateVm):
                self._end(self.machines[action.vm_id], action.reason.value)
            elif isinstance(action, CancelAttempt):
                self._cancel(action)
            self._results.append(ActionResult(action.key))

    def has_room(self, kind: str, market: Market) -> bool:
        """Say whether a VM of that type could be launched now."""
        return self._traces.has_room(kind, market)

    def _launch(self, action: LaunchVm) -> None:
        kind = self._mission.types[action.instance_type]
        machine = Machine(
            id=action.vm_id,
            kind=kind,
            market=action.market,
            price=kind.price(action.market),
            shown=self._instance(action),
            slots=self._mission.slots(kind),
            boot_left=self._setting.boot,
            credits=self._setting.launch_credits if kind.burstable else 0.0,
            woke=self.now,
            billing=self._setting.billing,
        )
        self.machines[machine.id] = machine
        self._log(
            self.now,
            "vm_launched",
            vm=machine.id,
            type=kind.name,
            market=action.market.value,
            price=machine.price,
        )
        self._boot(machine, self.now)
        if not self._traces.follow(machine):
            self._hazards.follow(machine, self.now)

    def _instance(self, action: LaunchVm) -> Instance:
        return Instance(
            instance_id=f"i-{action.vm_id}",
            vm_id=action.vm_id,
            sequence=action.sequence,
            generation=self._mission.generation,
            instance_type=action.instance_type,
            market=action.market,
            state=InstanceState.RUNNING,
            address="10.0.0.1",
            host_key="",
            launched_at=self._started_at + timedelta(seconds=self.now),
            zone=action.zone or "a",
        )

    def _boot(self, machine: Machine, now: float) -> None:
        version = machine.version

        def ready(moment: float) -> None:
            if machine.version == version:
                machine.settle(moment)
                machine.phase, machine.boot_left, machine.booted = Phase.UP, 0.0, True
                self._log(moment, "vm_ready", vm=machine.id)
                self._go_on(machine, moment)

        self._changed[machine.id] = None
        self.schedule(now + max(machine.boot_left, 0.0), ready)

    def _go_on(self, machine: Machine, now: float) -> None:
        """Start what waits, and let it end when it is time."""
        self._heard[machine.id] = None
        machine.settle(now)
        for work in machine.fill(now):
            self._log(
                now,
                "task_started",
                task=work.task.id,
                vm=machine.id,
                attempt=work.attempt_id,
                slot=work.slot,
                progress=work.progress,
            )
            self._finish_later(machine, work, now)
        if machine.kind.burstable is not None and machine.net_rate < 0:
            self._slow_down_later(machine, machine.kind.burstable.baseline, now)

    def _slow_down_later(self, machine: Machine, baseline: float, now: float) -> None:
        """Let a burstable VM go on at its baseline when its credits are used up."""
        version, at_work = machine.version, dict(machine.work)
        if all(work.share <= baseline for work in at_work.values()):
            return

        def slow_down(moment: float) -> None:
            if machine.version == version and machine.work == at_work:
                machine.settle(moment)
                for work in machine.slow_down(moment, baseline):
                    self._finish_later(machine, work, moment)

        self.schedule(now + machine.credits / -machine.net_rate, slow_down)

    def _finish_later(self, machine: Machine, work: Work, now: float) -> None:
        version, seconds = machine.version, work.seconds

        def finish(moment: float) -> None:
            there = machine.version == version and machine.work.get(work.attempt_id) is work
            if there and work.seconds == seconds:
                self._finish(machine, work, moment)

        self.schedule(now + work.seconds - work.ran, finish)
        if self._setting.checkpoint:
            self._save_later(machine, work, now)

    def _finish(self, machine: Machine, work: Work, now: float) -> None:
        if self._finished.get(work.task.id) == now:
            # Another copy has ended at this very moment: only one of them counts. One that had ended before
            # may have been run again by a controller that has not heard of it.
            self._interrupt_work(machine, work, Reason.SUPERSEDED.value, now)
            self._leave(machine, work)
            self._go_on(machine, now)
            return
        self._finished[work.task.id] = now
        work.ran, work.state = work.seconds, AttemptState.FINISHED
        self._leave(machine, work)
        self.makespan = now
        self._log(now, "task_finished", task=work.task.id, vm=machine.id, attempt=work.attempt_id)
        self._go_on(machine, now)

    def _save_later(self, machine: Machine, work: Work, now: float) -> None:
        """Take a checkpoint whenever the task has run for another period."""
        period, version = self._setting.checkpoint or 0.0, machine.version
        next_at = (int((work.ran + TICK) / period) + 1) * period

        def save(moment: float) -> None:
            if machine.version == version and machine.work.get(work.attempt_id) is work:
                self._save(machine, work, moment)
                work.ran, work.since = work.ran_by(moment), moment
                self._save_later(machine, work, moment)

        if next_at < work.seconds:
            self.schedule(now + next_at - work.ran, save)

    def _save(self, machine: Machine, work: Work, now: float) -> None:
        share = work.share_by(work.ran_by(now))
        self._saved[work.task.id] = self._kept[work.task.id] = max(share, self._kept.get(work.task.id, 0.0))
        self._log(
            now, "checkpoint_taken", task=work.task.id, vm=machine.id, attempt=work.attempt_id, progress=share
        )

    def interrupt(self, machines: Iterable[Machine], now: float) -> None:
        """Let VMs be interrupted, in the way that the setting has."""
        for machine in machines:
            self.interruptions += 1
            if self._setting.on_loss is OnLoss.TERMINATE:
                self.take_away(machine, now, self._setting.notice)
                continue
            if self._setting.checkpoint == 0:
                for work in machine.work.values():
                    self._save(machine, work, now)
            machine.settle(now)
            machine.fall_asleep(now)
            machine.shown = replace(
                machine.shown,
                state=InstanceState.STOPPED,
                state_reason="hibernated",
                interruption=InterruptionKind.HIBERNATE,
            )
            self.hibernations += 1
            self._changed[machine.id] = None
            self._log(now, "vm_hibernated", vm=machine.id)

    def take_away(self, machine: Machine, now: float, seconds: float) -> None:
        """End a VM as the cloud does it.

        :param seconds: how long before it is told; 0 is not at all.
        """
        if not seconds:
            self._end(machine, INTERRUPTION, now)
            return
        self._notices[machine.id] = Notice(NoticeKind.TERMINATE, seconds)
        self.schedule(now + seconds, lambda moment: self._end(machine, INTERRUPTION, moment))

    def resume(self, machines: Iterable[Machine], now: float) -> None:
        """Let VMs that sleep go on."""
        for machine in machines:
            machine.settle(now)
            machine.wake(now)
            machine.shown = replace(
                machine.shown, state=InstanceState.RUNNING, state_reason="", interruption=None
            )
            self.resumes += 1
            self._changed[machine.id] = None
            self._log(now, "vm_resumed", vm=machine.id)
            if machine.phase is Phase.BOOTING:
                self._boot(machine, now)
                continue
            for work in machine.work.values():
                self._finish_later(machine, work, now)
            self._go_on(machine, now)

    def _assign(self, action: AssignTask) -> None:
        machine, task = self.machines[action.vm_id], self._mission.job.tasks[action.task_id]
        whole = task.runtimes[machine.kind.name] * self._factors[task.id] / (action.cpu_share or 1.0)
        progress = self._newest_share(task.id) if self._setting.checkpoint == 0 else action.progress
        seconds = max(whole * (1 - progress), 1e-3)
        share = action.cpu_share or 1.0
        machine.queue.append(Work(action.attempt_id, task, seconds, progress, share))
        self._go_on(machine, self.now)

    def _steal(self, action: StealTask) -> None:
        """Give back what waits; what has begun stays."""
        machine = self.machines[action.vm_id]
        self._heard[machine.id] = None
        for work in [one for one in machine.queue if one.attempt_id == action.attempt_id]:
            machine.queue.remove(work)
            machine.stolen.append(work.attempt_id)

    def _newest_share(self, task_id: str) -> float:
        """Take checkpoints of a task where it runs; return how far it has come at most."""
        for machine in self.machines.values():
            if machine.phase is Phase.UP:
                for work in machine.work.values():
                    if work.task.id == task_id:
                        self._save(machine, work, self.now)
        return self._kept.get(task_id, 0.0)

    def _cancel(self, action: CancelAttempt) -> None:
        machine = self.machines[action.vm_id]
        known = [
            one for one in (*machine.work.values(), *machine.queue) if one.attempt_id == action.attempt_id
        ]
        for work in known:
            self._interrupt_work(machine, work, action.reason.value, self.now)
            self._leave(machine, work)
        if machine.phase is Phase.UP:
            self._go_on(machine, self.now)

    def _leave(self, machine: Machine, work: Work) -> None:
        machine.settle(self.now)
        machine.take_out(work)
        if work.state is not AttemptState.FINISHED:
            work.state = AttemptState.CANCELLED
        machine.ended_work.append(work)

    def _interrupt_work(self, machine: Machine, work: Work, cause: str, now: float) -> None:
        if work.state is AttemptState.RUNNING:
            fields = {"task": work.task.id, "vm": machine.id, "attempt": work.attempt_id}
            kept = self._saved_share(work)
            self._log(now, "task_interrupted", **fields, progress=kept, cause=cause)

    def _saved_share(self, work: Work) -> float:
        return (
            max(self._kept.get(work.task.id, 0.0), work.progress)
            if self._setting.checkpoint is not None
            else 0.0
        )

    def _end(self, machine: Machine, cause: str, now: float | None = None) -> None:
        moment = self.now if now is None else now
        if machine.phase is Phase.GONE:
            return
        for work in machine.work.values():
            if self._setting.checkpoint == 0 and machine.phase is Phase.UP:
                self._save(machine, work, moment)
            self._interrupt_work(machine, work, cause, moment)
        machine.end(moment, interrupted=cause == INTERRUPTION)
        machine.work.clear()
        machine.queue.clear()
        machine.shown = replace(machine.shown, state=InstanceState.TERMINATED, state_reason=cause)
        self._changed[machine.id] = None
        cost = machine.billed * machine.price / 3600
        self._log(moment, "vm_terminated", vm=machine.id, cause=cause, cost=cost)

    def _credits(self, machine: Machine) -> float:
        machine.settle(self.now)
        return machine.credits

    def status(self, machine: Machine) -> VmStatus:
        """Return what a VM's runner says now; of what has ended it tells once."""
        return machine.status(self.now, 1, self._expiry)


def _described(action: Action) -> dict[str, str]:
    kind, _, _ = action.key.partition("/")
    names = (("vm", "vm_id"), ("task", "task_id"), ("attempt", "attempt_id"))
    fields = {short: getattr(action, name) for short, name in names if hasattr(action, name)}
    return {"action": kind, "reason": action.reason.value, **fields}

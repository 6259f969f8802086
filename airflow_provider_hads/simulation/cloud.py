"""The simulated cloud behind the controller's ports: what a supervisor of real runs can be given, too.

The simulator's own loop hands the controller's actions to the world as they are, which takes a fraction of
the time; what they do there is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

from airflow_provider_hads.control.actions import (
    Action,
    AssignTask,
    CancelAttempt,
    LaunchVm,
    Reason,
    StealTask,
    TerminateVm,
)
from airflow_provider_hads.control.ports import EventsPort, FleetPort, ResultsPort, VmPort
from airflow_provider_hads.exceptions import CapacityError, EpochRefused, VmUnreachable
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import Instance, InstanceState, Launched, LaunchOrder
from airflow_provider_hads.model.runner import AttemptStatus, Exchange, ResultFile, TaskOrder, VmStatus
from airflow_provider_hads.simulation.machine import Machine, Phase
from airflow_provider_hads.simulation.world import World

__all__ = ["SimulatedCloud"]


class SimulatedCloud(FleetPort, EventsPort, VmPort, ResultsPort):
    """A world whose clock moves when it is told to; its calls take no time.

    :param world: what there is.
    :param started_at: when the run started, UTC.
    :param guard: entered for each call: a lock, where they come from several threads.
    """

    def __init__(
        self, world: World, started_at: datetime, guard: AbstractContextManager[object] | None = None
    ) -> None:
        self.published: dict[str, str] = {}
        self._world = world
        self._started_at = started_at
        self._guard = nullcontext() if guard is None else guard
        self._epochs: dict[str, int] = {}
        self._given: set[str] = set()
        self._ended: dict[str, dict[str, AttemptStatus]] = {}
        self._told: dict[str, InstanceState] = {}
        self._events = 0

    def clock(self) -> datetime:
        """Return the time, UTC."""
        return self._started_at + timedelta(seconds=self._world.now)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with all that happens in it, each at its moment."""
        with self._guard:
            until = self._world.now + seconds
            while (moment := self._world.next_moment) is not None and moment < until:
                self._world.advance(moment)
            self._world.advance(until)

    def describe(self) -> tuple[Instance, ...]:
        """Return all instances."""
        with self._guard:
            return tuple(machine.shown for machine in self._world.machines.values())

    def launch(self, order: LaunchOrder) -> Launched:
        """Launch a VM.

        :raises CapacityError: the traces have none now.
        """
        with self._guard:
            known = self._world.machines.get(order.vm_id)
            if known is None:
                if not self._world.has_room(order.instance_type, order.market):
                    raise CapacityError(f"there is no {order.instance_type} now")
                number, reason = order.sequence, Reason.ASKED_AGAIN
                self._do(LaunchVm(order.vm_id, number, order.instance_type, order.market, reason, order.zone))
            machine = self._world.machines[order.vm_id]
            return Launched(machine.shown.instance_id, adopted=known is not None, hibernation=True)

    def end(self, instance: Instance) -> None:
        """End a VM."""
        with self._guard:
            self._do(TerminateVm(instance.vm_id, Reason.RUN_ENDED))

    def receive(
        self, instance_ids: Collection[str], settled: Collection[str] | None = None
    ) -> tuple[CloudEvent, ...]:
        """Return which VMs have come into another state since the last call; none is told again."""
        with self._guard:
            events = []
            for machine in self._world.machines.values():
                if machine.shown.state is not self._told.get(machine.id, InstanceState.RUNNING):
                    events.append(self._event(machine.shown))
                self._told[machine.id] = machine.shown.state
            return tuple(event for event in events if event.instance_id in instance_ids)

    def exchange(self, instance: Instance, message: Exchange) -> VmStatus:
        """Speak with a VM.

        :raises VmUnreachable: it boots, sleeps or is gone.
        :raises EpochRefused: it has heard from a later controller.
        """
        with self._guard:
            machine = self._reached(instance)
            if message.epoch < self._epochs.get(machine.id, 0):
                raise EpochRefused(f"epoch {message.epoch} is refused by {machine.id}")
            self._epochs[machine.id] = message.epoch
            for order in message.enqueue:
                self._enqueue(machine, order)
            for attempt_id in message.steal:
                self._do(StealTask(machine.id, "", attempt_id, Reason.STOLEN))
            for attempt_id in message.cancel:
                self._do(CancelAttempt(machine.id, "", attempt_id, Reason.DROPPED))
            return self._status(machine, message.epoch)

    def prepare(self, instance: Instance, until: datetime) -> None:
        """Find the runner installed.

        :raises VmUnreachable: it boots, sleeps or is gone.
        """
        with self._guard:
            self._reached(instance)

    def forget(self, instance: Instance) -> None:
        """End no calls: none takes any time."""

    def publish(self, task_id: str, attempt_id: str, files: Sequence[ResultFile]) -> bool:
        """Make an attempt's results the task's, unless another's are."""
        with self._guard:
            return self.published.setdefault(task_id, attempt_id) == attempt_id

    def _do(self, action: Action) -> None:
        self._world.carry_out([action])

    def _enqueue(self, machine: Machine, order: TaskOrder) -> None:
        if order.attempt_id in self._given:
            return
        self._given.add(order.attempt_id)
        reason, share = Reason.ASKED_AGAIN, order.cpu_share
        self._do(AssignTask(machine.id, order.task_id, order.attempt_id, reason, order.progress, share))

    def _status(self, machine: Machine, epoch: int) -> VmStatus:
        """Return all that a runner knows, as a real one does; the world tells of what has ended once."""
        status, known = self._world.status(machine), self._ended.setdefault(machine.id, {})
        known.update((name, one) for name, one in status.attempts.items() if one.state.ended)
        return replace(status, epoch=epoch, attempts={**known, **status.attempts})

    def _reached(self, instance: Instance) -> Machine:
        machine = self._world.machines[instance.vm_id]
        if machine.phase is not Phase.UP:
            raise VmUnreachable(f"{machine.id} is {machine.phase.value}")
        return machine

    def _event(self, shown: Instance) -> CloudEvent:
        self._events += 1
        name, at = f"event-{self._events}", self.clock().replace(microsecond=0)
        return CloudEvent(name, shown.instance_id, CloudEventKind.STATE, at, state=shown.state)

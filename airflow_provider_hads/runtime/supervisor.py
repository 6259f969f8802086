"""The doing side of the controller: looks, lets ``decide`` decide, and carries out what it wants."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from airflow_provider_hads.control import (
    Action,
    AssignTask,
    CancelAttempt,
    DeployVm,
    LaunchVm,
    Mission,
    PublishResults,
    RenewLease,
    Rules,
    StealTask,
    TerminateVm,
    decide,
)
from airflow_provider_hads.control.ports import FleetPort, ResultsPort, VmPort
from airflow_provider_hads.control.story import tell
from airflow_provider_hads.model.fleet import Instance, InstanceState, Launched, LaunchOrder
from airflow_provider_hads.model.run_state import RunState, VmRecord, VmState
from airflow_provider_hads.model.runner import Exchange, VmStatus
from airflow_provider_hads.runtime.lanes import Lanes
from airflow_provider_hads.runtime.observing import DESCRIBE, EXCHANGE, VM, observe
from airflow_provider_hads.runtime.orders import OrderBook, next_number

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)


class Supervisor:
    """One controller at work.

    Every call to the outside runs in a lane of its own, so that a step never waits for a slow VM.

    :param state: where to go on from.
    :param interval: seconds between two looks at the cloud, and at each VM.
    :param clock: returns the time, UTC.
    :param save: called with the state before actions are carried out, so that a successor knows of them.
    :param mission: what is to be achieved; None follows the plan to the letter.
    :param launch_order: makes the order to launch a VM; needed with a mission.
    """

    def __init__(
        self,
        state: RunState,
        *,
        rules: Rules,
        fleet: FleetPort,
        vms: VmPort,
        results: ResultsPort,
        orders: OrderBook,
        interval: float,
        clock: Callable[[], datetime],
        save: Callable[[RunState], None],
        mission: Mission | None = None,
        launch_order: Callable[[VmRecord], LaunchOrder] | None = None,
    ) -> None:
        # What a predecessor had pending is unknown; every action can be carried out again without harm.
        self.state = replace(state, pending=(), wake_at=0.0)
        self._rules = rules
        self._fleet = fleet
        self._vms = vms
        self._results = results
        self._orders = orders
        self._interval = timedelta(seconds=interval)
        self._clock = clock
        self._save = save
        self._mission = mission
        self._launch_order = launch_order
        self._instances: dict[str, Instance] = {}
        self._looked_at: dict[str, datetime] = {}
        self._lanes = Lanes()

    def step(self) -> bool:
        """Make one step.

        :return: whether every task of the job has ended.
        :raises EpochRefused: a later controller has taken over.
        """
        now = self._clock()
        self._look(now)
        observation = observe(self._lanes.collect())
        # A VM that a look does not show stays reachable for what is under way.
        self._instances.update(observation.fleet or {})
        before = self.state
        self.state, actions = decide(before, observation, now, self._rules, self._mission)
        for sentence in tell(before, self.state, self.state.elapsed(now)):
            log.info("%s", sentence)
        if self.state != before:
            self._save(self.state)
        for action in actions:
            self._carry_out(action)
        return self.state.ended

    def close(self) -> None:
        """Stop looking; calls that are under way end by their own time-outs."""
        self._lanes.close()

    def _look(self, now: datetime) -> None:
        if self._due(DESCRIBE, now):
            self._lanes.submit(DESCRIBE, DESCRIBE, self._fleet.describe)
        for vm in self.state.vms.values():
            instance = self._instances.get(vm.id)
            if instance is not None and _can_answer(vm, instance) and self._due(VM + vm.id, now):
                self._lanes.submit(VM + vm.id, EXCHANGE + vm.id, self._exchange(instance))

    def _due(self, lane: str, now: datetime) -> bool:
        last = self._looked_at.get(lane)
        if self._lanes.busy(lane) or (last is not None and now - last < self._interval):
            return False
        self._looked_at[lane] = now
        return True

    def _exchange(self, instance: Instance) -> Callable[[], VmStatus]:
        message = Exchange(epoch=self.state.epoch)
        return lambda: self._vms.exchange(instance, message)

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, PublishResults):
            self._lanes.submit(action.lane, action.key, self._call(action))
            return
        log.info("Decision: %s (%s)", action.key, action.reason)
        self._lanes.submit(action.lane, action.key, self._call(action))

    def _call(self, action: Action) -> Callable[[], object]:
        if isinstance(action, PublishResults):
            return self._publication(action)
        if isinstance(action, LaunchVm):
            return self._launch(action)
        if isinstance(action, TerminateVm):
            return self._ending(action)
        if isinstance(action, DeployVm):
            return self._deployment(action, self._instances[action.vm_id])
        return self._message(action)

    def _launch(self, action: LaunchVm) -> Callable[[], Launched]:
        if self._launch_order is None:
            raise ValueError("a supervisor with a mission needs launch_order")
        order = self._launch_order(self.state.vms[action.vm_id])
        return lambda: self._fleet.launch(order)

    def _ending(self, action: TerminateVm) -> Callable[[], None]:
        def end() -> None:
            for instance in self._fleet.describe():
                if instance.vm_id == action.vm_id and not instance.state.ended:
                    self._fleet.end(instance)

        return end

    def _message(self, action: RenewLease | AssignTask | StealTask | CancelAttempt) -> Callable[[], VmStatus]:
        instance, message = self._instances[action.vm_id], Exchange(epoch=self.state.epoch)
        if isinstance(action, RenewLease):
            message = replace(message, expiry=action.expiry.timestamp())
        elif isinstance(action, CancelAttempt):
            message = replace(message, cancel=(action.attempt_id,))
        elif isinstance(action, StealTask):
            message = replace(message, steal=(action.attempt_id,))
        else:
            vm, position = self.state.vms[action.vm_id], len(self.state.tasks[action.task_id].attempts)
            message = replace(message, enqueue=(self._orders.order(action, vm, position),))
        return lambda: self._vms.exchange(instance, message)

    def _publication(self, action: PublishResults) -> Callable[[], bool]:
        return lambda: self._results.publish(action.task_id, action.attempt_id, action.files)

    def _deployment(self, action: DeployVm, instance: Instance) -> Callable[[], VmStatus]:
        vm = self.state.vms[action.vm_id]
        generation = self._orders.generation
        numbers = {id_: next_number(self.state.tasks[id_], generation) for id_ in action.task_ids}
        message = Exchange(epoch=self.state.epoch, enqueue=self._orders.orders(vm, numbers))

        def deploy() -> VmStatus:
            until = self._clock() + timedelta(seconds=self._rules.deploy_timeout)
            self._vms.prepare(instance, until)
            return self._vms.exchange(instance, message)

        return deploy


def _can_answer(vm: VmRecord, instance: Instance) -> bool:
    running = instance.state is InstanceState.RUNNING and instance.address is not None
    return running and vm.state in (VmState.BOOTING, VmState.RESUMED, VmState.READY)

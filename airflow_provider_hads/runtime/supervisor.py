"""The doing side of the controller: looks, lets ``decide`` decide, and carries out what it wants."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from airflow_provider_hads.control import (
    Action,
    AssignTask,
    CancelAttempt,
    DeployVm,
    LaunchVm,
    Mission,
    PublishResults,
    Reason,
    RenewLease,
    Rules,
    StealTask,
    TerminateVm,
    decide,
)
from airflow_provider_hads.control.decisions import in_words, with_decisions
from airflow_provider_hads.control.news import Told, look_after_events, news_of
from airflow_provider_hads.control.observation import Observation
from airflow_provider_hads.control.ports import CreditsPort, EventsPort, FleetPort, ResultsPort, VmPort
from airflow_provider_hads.control.story import tell
from airflow_provider_hads.exceptions import EpochRefused, HadsError
from airflow_provider_hads.model.cloud_event import CloudEvent
from airflow_provider_hads.model.fleet import Instance, InstanceState, Launched, LaunchOrder
from airflow_provider_hads.model.run_state import RunState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState, Exchange, VmStatus
from airflow_provider_hads.runtime.lanes import CALL_TIMEOUT, Lanes
from airflow_provider_hads.runtime.observing import (
    CREDITS,
    DESCRIBE,
    EVENTS,
    EXCHANGE,
    FORGET,
    VM,
    Look,
    begun_at,
    credits_of,
    events_of,
    notices_of,
    observe,
)
from airflow_provider_hads.runtime.orders import OrderBook, next_number

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)

CREDITS_INTERVAL = timedelta(minutes=5)
"""Between two looks at the CPU credits of burstable VMs: EC2 counts no more often, and looks cost money."""

EVENTS_INTERVAL = timedelta(seconds=1)
"""Between two looks into the queue of the cloud's events, on average.

By chance up to half of it less or more: of two runs in step, one would find its events hidden each time.
"""

GAP = timedelta(seconds=30)
"""A pause between two steps after which another controller may be at work."""

LANE_WAIT = 5.0
"""Seconds for which what is being said to a VM is waited for, before it is asked something in between."""

PUBLISH_TIMEOUT = 3600.0
"""Seconds for the publication of one task's results, however many and large they are."""

FIRST_LOOK_TIMEOUT = 20.0
"""Seconds for which the cloud's first answer is waited for before anything is decided."""


class Supervisor:
    """One controller at work.

    Every call to the outside runs in a lane of its own, so that a step never waits for a slow VM.

    :param state: where to go on from.
    :param interval: seconds between two looks at the cloud, and at each VM.
    :param clock: returns the time, UTC.
    :param save: called with the state before actions are carried out, so that a successor knows of them.
    :param mission: what is to be achieved; None follows the plan to the letter.
    :param launch_order: makes the order to launch a VM; needed with a mission.
    :param events: what the cloud tells by itself; None where it does not.
    :param cpu_credits: the cloud's count of burstable VMs' CPU credits; None reckons them.
    :param confirm: raises ``EpochRefused`` where a later controller has taken over, as far as can be told
        without a VM, and ``ControlEnded`` where nobody is to control the run any more. Asked after a long
        gap, and before anything is launched.
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
        events: EventsPort | None = None,
        cpu_credits: CreditsPort | None = None,
        confirm: Callable[[], None] | None = None,
    ) -> None:
        # What a predecessor had pending is unknown; every action can be carried out again without harm. Its
        # launches are, at once: a VM that was asked for may exist. All others are decided on anew.
        again = launches_under_way(state)
        self.state = replace(state, pending=tuple(action.key for action in again), wake_at=0.0)
        self._again = again
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
        self._events = events
        self._cpu_credits = cpu_credits
        self._confirm = confirm
        self._events_pause = EVENTS_INTERVAL
        self._stepped_at: datetime | None = None
        self._instances: dict[str, Instance] = {}
        self._looked_at: dict[str, datetime] = {}
        self._told: dict[str, Told] = {}
        self._settled: set[str] = set()
        self._lanes = Lanes(clock=lambda: clock().timestamp(), patience=GAP.total_seconds())
        self._has_looked = False
        self._told_to_drop: dict[str, tuple[str, ...]] = {}

    def step(self) -> bool:
        """Make one step.

        :return: whether every task of the job has ended.
        :raises EpochRefused: a later controller has taken over.
        :raises ControlEnded: the run has been ended from outside, and something was to be launched.
        """
        now = self._clock()
        if self._stepped_at is not None and now - self._stepped_at > GAP:
            self._make_sure_of_being_in_charge(now - self._stepped_at)
        self._stepped_at = self._clock()
        self._carry_out_all(self._again)
        self._again = ()
        self._look(now)
        if self._waits_for_the_first_look(now):
            return self.state.ended
        observation = self._observe(now)
        before = self.state
        state, actions = decide(before, observation, now, self._rules, self._mission)
        self.state = with_decisions(state, actions, state.elapsed(now))
        for sentence in tell(before, self.state, self.state.elapsed(now)):
            log.info("%s", sentence)
        if self.state != before:
            self._save(self.state)
        self._settled.update(event.event_id for event in observation.events)
        self._hang_up(before)
        self._carry_out_all(actions)
        return self.state.ended

    def _carry_out_all(self, actions: Sequence[Action]) -> None:
        """Carry out actions; what is launched for a run that has been ended could outlive it."""
        if self._confirm is not None and any(isinstance(action, LaunchVm) for action in actions):
            self._confirm()
        for action in actions:
            self._carry_out(action)

    def _hang_up(self, before: RunState) -> None:
        """End the calls to VMs that have fallen asleep: they would hang until long after a resume."""
        for vm in self.state.vms.values():
            known, instance = before.vms.get(vm.id), self._instances.get(vm.id)
            fell_asleep = vm.state.asleep and known is not None and not known.state.asleep
            if fell_asleep and instance is not None:
                self._lanes.submit(FORGET + vm.id, FORGET + vm.id, partial(self._vms.forget, instance))

    def _make_sure_of_being_in_charge(self, gap: timedelta) -> None:
        """Act on nothing that was decided before a long gap until it is sure that nobody else does by now.

        What waits in the lanes is held till then: it goes on when this step collects, and never if this
        raises.

        :raises EpochRefused: a later controller has taken over.
        """
        log.warning(
            "No step for %.0f s: making sure that no later controller has taken over", gap.total_seconds()
        )
        for vm in self.state.vms.values():
            instance = self._instances.get(vm.id)
            if (
                vm.state is not VmState.READY
                or instance is None
                or not self._lanes.wait(VM + vm.id, LANE_WAIT)
            ):
                continue
            try:
                self._vms.exchange(instance, Exchange(epoch=self.state.epoch))
                break
            except EpochRefused:
                raise
            except HadsError as error:
                log.info("%s does not tell: %s", vm.id, error)
        if self._confirm is not None:  # a later one may not have spoken to that VM yet
            self._confirm()

    def _waits_for_the_first_look(self, now: datetime) -> bool:
        """Say whether it is too early to decide: what the plan or a predecessor launched is not seen yet."""
        if self._mission is None or self._has_looked:
            return False
        patience = timedelta(seconds=FIRST_LOOK_TIMEOUT)
        self._has_looked = not self._lanes.busy(DESCRIBE) or now - self._looked_at[DESCRIBE] > patience
        return not self._has_looked

    def close(self) -> None:
        """Stop looking; calls that are under way end by their own time-outs."""
        self._lanes.close()

    def _observe(self, now: datetime) -> Observation:
        ended = self._lanes.collect()
        observation = self._without_old_news(observe(ended, self._orders.generation), begun_at(ended))
        # A VM that a look does not show stays reachable for what is under way.
        self._instances.update(observation.fleet or {})
        observation = replace(observation, credits=credits_of(ended, self._instances, now))
        events = events_of(ended)
        return self._with_news(observation, events, now) if events else observation

    def _without_old_news(self, observation: Observation, begun: datetime | None) -> Observation:
        """Return what is seen without what a look undoes of newer events; another look follows then.

        :param begun: when the look at the cloud was begun; None where there was none.
        """
        if observation.fleet is None or begun is None:
            return observation
        fleet = look_after_events(observation.fleet, begun, self._told)
        if fleet != observation.fleet:
            self._looked_at.pop(DESCRIBE, None)
        return replace(observation, fleet=fleet)

    def _with_news(
        self, observation: Observation, events: Sequence[CloudEvent], now: datetime
    ) -> Observation:
        """Return what is seen with what the cloud has told by itself.

        A look may be older than an event that came with it, or newer: another one follows at once.
        """
        news = news_of(events, self._instances)
        for event in news.notices:
            log.info("The cloud tells of %s: %s", event.instance_id, event.interruption or event.kind.value)
        if news.incomplete or observation.fleet is not None:
            self._looked_at.pop(DESCRIBE, None)
        self._instances.update(news.instances)
        self._told.update(news.told)
        told = notices_of(news.notices, self._instances, now)
        return replace(
            observation,
            news=news.instances,
            events=tuple(events),
            notices={**told, **observation.notices},
        )

    def _look(self, now: datetime) -> None:
        if self._due(DESCRIBE, now):
            self._lanes.submit(DESCRIBE, DESCRIBE, self._description(now))
        if self._events is not None and self._due(EVENTS, now, self._events_pause):
            self._events_pause = EVENTS_INTERVAL * random.uniform(0.5, 1.5)
            self._lanes.submit(EVENTS, EVENTS, self._reception(self._events))
        burstable = self._burstable_instances()
        if self._cpu_credits is not None and burstable and self._due(CREDITS, now, CREDITS_INTERVAL):
            self._lanes.submit(CREDITS, CREDITS, partial(self._cpu_credits.balances, burstable))
        for vm in self.state.vms.values():
            instance = self._instances.get(vm.id)
            if instance is not None and _can_answer(vm, instance) and self._due(VM + vm.id, now):
                self._lanes.submit(VM + vm.id, EXCHANGE + vm.id, self._exchange(vm, instance))

    def _burstable_instances(self) -> list[str]:
        """Return the ids of the instances at work that earn CPU credits."""
        if self._mission is None:
            return []
        types = self._mission.environment.instance_types
        return [
            self._instances[vm.id].instance_id
            for vm in self.state.vms.values()
            if vm.state is VmState.READY
            and types[vm.instance_type].burstable is not None
            and vm.id in self._instances
        ]

    def _description(self, now: datetime) -> Callable[[], Look]:
        return lambda: Look(now, self._fleet.describe())

    def _reception(self, events: EventsPort) -> Callable[[], tuple[CloudEvent, ...]]:
        own = {instance.instance_id for instance in self._instances.values()}
        # Of one that another has followed, the cloud may still have to tell when it woke and ended.
        own |= {vm.instance_id for vm in self.state.vms.values() if vm.instance_id is not None}
        settled, self._settled = frozenset(self._settled), set()
        return lambda: events.receive(own, settled)

    def _due(self, lane: str, now: datetime, interval: timedelta | None = None) -> bool:
        last = self._looked_at.get(lane)
        if self._lanes.busy(lane) or (last is not None and now - last < (interval or self._interval)):
            return False
        self._looked_at[lane] = now
        return True

    def _exchange(self, vm: VmRecord, instance: Instance) -> Callable[[], VmStatus]:
        """Return a look at a VM. One that comes back hears first what it is to drop: it goes on then."""
        dropped = dropped_attempts(self.state, vm.id) if vm.state is VmState.RESUMED else ()
        if dropped and self._told_to_drop.get(vm.id) != dropped:
            log.info("%s is back; told to drop: %s", vm.id, ", ".join(dropped))
            self._told_to_drop[vm.id] = dropped
        message = Exchange(epoch=self.state.epoch, cancel=dropped)
        return lambda: self._vms.exchange(instance, message)

    def _carry_out(self, action: Action) -> None:
        if not isinstance(action, PublishResults):
            log.info("Decision: %s", in_words(action))
        self._lanes.submit(action.lane, action.key, self._call(action), self._time_limit(action))

    def _time_limit(self, action: Action) -> float:
        """Return the seconds after which an action is given up, by what it may have to wait for."""
        if isinstance(action, PublishResults):
            return PUBLISH_TIMEOUT
        if isinstance(action, DeployVm):
            return self._rules.deploy_timeout + CALL_TIMEOUT
        return CALL_TIMEOUT

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
        """Return the end of a VM: of its known instance, or else of all that the cloud shows for it.

        A look is needed where the answer to its launch was lost, where another instance has taken its place,
        and where its end has failed: the cloud may have forgotten it.
        """
        vm, known = self.state.vms[action.vm_id], self._instances.get(action.vm_id)
        sure = known is not None and known.instance_id == vm.instance_id
        if action.key in self.state.setbacks or not sure:
            known = None

        def end() -> None:
            for instance in self._fleet.describe() if known is None else (known,):
                same = (instance.vm_id, instance.generation) == (action.vm_id, self._orders.generation)
                if same and not instance.state.ended:
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
        numbers = dict.fromkeys(action.task_ids, 1)
        if self._mission is None:
            generation = self._orders.generation
            numbers = {id_: next_number(self.state.tasks[id_], generation) for id_ in action.task_ids}
        message = Exchange(epoch=self.state.epoch, enqueue=self._orders.orders(vm, numbers))

        def deploy() -> VmStatus:
            until = self._clock() + timedelta(seconds=self._rules.deploy_timeout)
            self._vms.prepare(instance, until)
            return self._vms.exchange(instance, message)

        return deploy


def launches_under_way(state: RunState) -> tuple[LaunchVm, ...]:
    """Return the launches of which a predecessor has not heard how they ended."""
    asked = (vm for vm in state.vms.values() if f"launch/{vm.id}" in state.pending)
    return tuple(
        LaunchVm(vm.id, vm.sequence, vm.instance_type, vm.market, Reason.ASKED_AGAIN, vm.zone)
        for vm in asked
        if vm.state is VmState.LAUNCHING
    )


def dropped_attempts(state: RunState, vm_id: str) -> tuple[str, ...]:
    """Return the ids of a VM's attempts that were taken for ended while it could not be told."""
    return tuple(
        attempt.id
        for task in state.tasks.values()
        for attempt in task.attempts
        if attempt.vm_id == vm_id and attempt.state is AttemptState.CANCELLED
    )


def _can_answer(vm: VmRecord, instance: Instance) -> bool:
    running = instance.state is InstanceState.RUNNING and instance.address is not None
    return running and vm.state in (VmState.BOOTING, VmState.RESUMED, VmState.READY)

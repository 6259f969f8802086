"""One simulated run: the controller's steps in a simulated cloud, without waiting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from math import ceil
from random import Random
from typing import Any

from airflow_provider_hads.control.actions import LaunchVm, Reason
from airflow_provider_hads.control.decide import decide
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.observation import Observation
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.step import step
from airflow_provider_hads.control.zones import first_zone
from airflow_provider_hads.model.run_state import RunState, TaskRecord, TaskState, VmRecord, VmState
from airflow_provider_hads.simulation.billing import Billing
from airflow_provider_hads.simulation.event_log import EventLog
from airflow_provider_hads.simulation.setting import Setting
from airflow_provider_hads.simulation.world import World

__all__ = ["START", "Outcome", "next_moment", "opening", "simulate"]

START = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""When simulated runs start; nothing depends on it."""


MOST_STEPS_AT_A_MOMENT = 20_000

AFTERWARDS = 1e-3
"""Seconds from when a run may be given up until the look that sees it."""


@dataclass(frozen=True)
class Outcome:
    """How a simulated run went.

    :param cost: dollars, boot billed, hibernated time not.
    :param makespan: seconds from the run's start to the last finish.
    :param unfinished: tasks that had not finished when the run was given up, at twice its deadline.
    :param miss_said_at: seconds from the run's start to when a miss of the deadline was announced; None where
        none was.
    :param interruptions: hibernations, and ends that the cloud wanted.
    :param events: the event log, if it was asked for.
    """

    cost: float
    makespan: float
    deadline_met: bool
    interruptions: int
    hibernations: int
    resumes: int
    migrations: int
    steals: int
    vms: int
    steps: int
    events: tuple[dict[str, Any], ...] = ()
    miss_said_at: float | None = None
    unfinished: int = 0


def simulate(
    mission: Mission,
    deadline: float,
    setting: Setting,
    run: int = 0,
    *,
    events: bool = False,
    vms: tuple[VmRecord, ...] = (),
    pure: bool = False,
) -> Outcome:
    """Run a job once.

    :param deadline: seconds from the run's start.
    :param run: number of the run; each has its own random numbers.
    :param events: whether to keep the event log.
    :param vms: VMs that a plan has; they are launched at the start, before the controller takes over.
    :param pure: make every step with :func:`~airflow_provider_hads.control.decide.decide`, from a state that
        was closed before. It decides the same, and takes longer.
    """
    log = EventLog(events)
    rules = Rules(margin=deadline)
    state, launches = opening(mission, deadline, vms)
    expiry = START.timestamp() + deadline + rules.margin
    random = Random(f"{setting.seed}/{run}")
    world = World(mission, setting, START, expiry, random, log)
    world.advance(0.0)
    log(
        0.0,
        "run_started",
        job=mission.job.id,
        deadline=deadline,
        policy=mission.policy,
        prices=_prices(mission),
        **({} if setting.billing is Billing.PER_SECOND else {"billing": setting.billing.value}),
    )
    world.carry_out(launches)
    loop = _Loop(world, Ledger(state, rules, mission), state if pure else None, mission)
    loop.run()
    return loop.outcome(deadline, log)


class _Loop:
    """Observe, decide, act; then the clock jumps to what happens next."""

    def __init__(self, world: World, ledger: Ledger, state: RunState | None, mission: Mission) -> None:
        self._world = world
        self._ledger = ledger
        self._state = state
        self._mission = mission
        self._steps = 0
        self._still = 0
        self._last_moment = -1.0

    def run(self) -> None:
        """Go on until every task has ended, and every VM."""
        observation = self._world.observe()
        while True:
            self._steps += 1
            self._mind_the_clock()
            self._world.carry_out(self._step(observation))
            observation = self._world.observe()
            if not observation.empty:
                continue
            moment = next_moment(self._ledger_now, self._world)
            if self._ledger_now.ended or moment is None:
                return
            self._world.advance(moment)
            observation = self._world.observe()

    def _mind_the_clock(self) -> None:
        """Stop a controller that asks to be woken at once, for ever."""
        if self._world.now > self._last_moment:
            self._last_moment, self._still = self._world.now, 0
        self._still += 1
        if self._still > MOST_STEPS_AT_A_MOMENT:
            raise RuntimeError(f"the controller makes no headway at {self._world.now} s")

    def outcome(self, deadline: float, log: EventLog) -> Outcome:
        """Return how it went, and end the log."""
        world, ledger = self._world, self._ledger_now
        unfinished = sum(task.state is not TaskState.FINISHED for task in ledger.tasks.values())
        met = not unfinished and world.makespan <= deadline
        log(world.now, "run_finished", cost=world.cost, makespan=world.makespan, deadline_met=met)
        moved = sum(max(len(task.attempts) - 1, 0) for task in ledger.tasks.values())
        return Outcome(
            cost=world.cost,
            makespan=world.makespan,
            deadline_met=met,
            interruptions=world.interruptions,
            hibernations=world.hibernations,
            resumes=world.resumes,
            migrations=moved,
            steals=world.steals,
            vms=len(world.machines),
            steps=self._steps,
            events=tuple(log.events),
            miss_said_at=None if ledger.miss is None else ledger.miss.at,
            unfinished=unfinished,
        )

    @property
    def _ledger_now(self) -> Ledger:
        return self._ledger

    def _step(self, observation: Observation) -> Any:
        now = self._world.now
        if self._state is None:
            return step(self._ledger, observation, now)
        moment = self._ledger.moment(now)
        self._state, actions = decide(self._state, observation, moment, self._ledger.rules, self._mission)
        self._ledger = Ledger(self._state, self._ledger.rules, self._mission)
        return actions


def next_moment(ledger: Ledger, world: World) -> float | None:
    """Return when to go on, in whole microseconds: never before the controller wants to be woken.

    At the latest, when the run is given up: VMs that nothing happens to any more are paid for until then.

    :return: seconds since the run's start; None where nothing will happen.
    """
    given_up = ledger.deadline + ledger.rules.margin + AFTERWARDS
    moments = [] if world.next_moment is None else [world.next_moment]
    if ledger.wake_at is not None:
        moments.append(max(ceil(ledger.wake_at * 1e6) / 1e6, world.now))
    if world.now < given_up:
        moments.append(given_up)
    return min(moments, default=None)


def opening(
    mission: Mission, deadline: float, vms: tuple[VmRecord, ...] = ()
) -> tuple[RunState, list[LaunchVm]]:
    """Return a run's first state, and the launches that are under way in it.

    :param deadline: seconds from the run's start.
    :param vms: VMs that a plan has.
    """
    vms = tuple(replace(vm, zone=vm.zone or first_zone(mission.zones, vm.sequence)) for vm in vms)
    launches = [_launch(vm) for vm in vms]
    state = RunState(
        START,
        deadline,
        epoch=1,
        vms={vm.id: replace(vm, state=VmState.LAUNCHING, ready_by=mission.boot) for vm in vms},
        tasks={task_id: TaskRecord(task_id) for task_id in mission.job.tasks},
        pending=tuple(action.key for action in launches),
    )
    return state, launches


def _launch(vm: VmRecord) -> LaunchVm:
    return LaunchVm(vm.id, vm.sequence, vm.instance_type, vm.market, Reason.LAUNCH_BY_PLAN, vm.zone)


def _prices(mission: Mission) -> dict[str, dict[str, float]]:
    return {
        kind.name: {market.value: price for market, price in kind.prices.items()}
        for kind in mission.types.values()
    }

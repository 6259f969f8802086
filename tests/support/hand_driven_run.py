"""A simulated run of which a test decides what the cloud does, and when its controller is restarted."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from airflow_provider_hads.control.actions import Action, LaunchVm, PublishResults, TerminateVm
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.observation import ActionResult, Observation
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.step import step
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import TaskState, VmRecord
from airflow_provider_hads.runtime.state_document import dump_state, load_state
from airflow_provider_hads.simulation import Setting
from airflow_provider_hads.simulation.event_log import EventLog
from airflow_provider_hads.simulation.machine import Machine, Phase
from airflow_provider_hads.simulation.run import START, next_moment, opening
from airflow_provider_hads.simulation.world import World

__all__ = ["HandDrivenRun"]

OTHER = Market.ON_DEMAND
_THERE = (Phase.BOOTING, Phase.UP, Phase.ASLEEP)

MOST_STEPS = 1000
"""Steps at one moment; a controller that makes more of them asks to be woken at once, for ever."""


class _Cloud(World):
    """A cloud that takes its time, and has no more VMs of some types and markets, when a test says so.

    Nor spot VMs of some types in some zones.

    :param ending: seconds from the order to end a VM until it has ended.
    """

    def __init__(self, mission: Mission, setting: Setting, expiry: float, log: EventLog) -> None:
        super().__init__(mission, setting, START, expiry, Random(setting.seed), log)
        self.sold_out: set[tuple[str, Market]] = set()
        self.sold_out_zones: set[tuple[str, str]] = set()
        self.ending = 0.0

    def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, LaunchVm) and self._is_sold_out(action):
                self._results.append(ActionResult(action.key, "no capacity", capacity=True))
            elif isinstance(action, TerminateVm) and self.ending:
                self._end_later(action)
            else:
                super().carry_out([action])

    def _is_sold_out(self, launch: LaunchVm) -> bool:
        in_zone = (launch.instance_type, launch.zone) in self.sold_out_zones and launch.market is Market.SPOT
        return in_zone or (launch.instance_type, launch.market) in self.sold_out

    def _end_later(self, action: TerminateVm) -> None:
        def end(moment: float) -> None:
            self.now = max(self.now, moment)
            super(_Cloud, self).carry_out([action])

        # Its tasks get no further: what would have happened there is of another life of the machine.
        self.machines[action.vm_id].version += 1
        self.schedule(self.now + self.ending, end)


class HandDrivenRun:
    """The controller and its cloud; time passes, and things happen, when they are told to.

    :param deadline: seconds from the run's start.
    :param vms: those that a plan has; they are launched at the start.
    :param ending: seconds from the order to end a VM to its end.
    """

    def __init__(
        self,
        mission: Mission,
        deadline: float,
        setting: Setting,
        vms: tuple[VmRecord, ...] = (),
        *,
        ending: float = 0.0,
    ) -> None:
        self.mission = mission
        self.deadline = deadline
        self.log = EventLog(True)
        self.published: list[str] = []
        self.rules = Rules(margin=deadline)
        state, launches = opening(mission, deadline, vms)
        self.ledger = Ledger(state, self.rules, mission)
        self.cloud = _Cloud(mission, setting, START.timestamp() + 2 * deadline, self.log)
        self.cloud.ending = ending
        self._predecessor: Ledger | None = None
        self._moment, self._steps = -1.0, 0
        prices = {
            kind.name: {market.value: price for market, price in kind.prices.items()}
            for kind in mission.types.values()
        }
        policy, job = mission.policy, mission.job.id
        self.log(0.0, "run_started", job=job, deadline=deadline, policy=policy, prices=prices)
        self.cloud.carry_out(launches)
        self.settle()

    @property
    def met(self) -> bool:
        """Whether every task has finished by the deadline."""
        finished = all(task.state is TaskState.FINISHED for task in self.ledger.tasks.values())
        return finished and self.cloud.makespan <= self.deadline

    def machines(self, *phases: Phase, market: Market = Market.SPOT) -> list[Machine]:
        """Return the VMs of a market in some phases."""
        return [one for one in self.cloud.machines.values() if one.phase in phases and one.market is market]

    def settle(self) -> None:
        """Let the controller make its steps until nothing is new."""
        seen = self.cloud.observe()
        while True:
            self.cloud.carry_out(self._step(seen))
            seen = self.cloud.observe()
            if seen.empty:
                return

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with all that happens in it."""
        until = self.cloud.now + seconds
        while (moment := next_moment(self.ledger, self.cloud)) is not None and moment < until:
            self.cloud.advance(moment)
            self.settle()
        self.cloud.advance(max(until, self.cloud.now))
        self.settle()

    def finish(self) -> None:
        """Let the run go on to its end, and close the log."""
        while (moment := next_moment(self.ledger, self.cloud)) is not None:
            if self.ledger.ended and not self.machines(*_THERE) and not self.machines(*_THERE, market=OTHER):
                break
            self.cloud.advance(moment)
            self.settle()
        makespan = self.cloud.makespan
        self.log(
            self.cloud.now, "run_finished", cost=self.cloud.cost, makespan=makespan, deadline_met=self.met
        )

    def restart(self) -> None:
        """Put a new controller in the old one's place, which knows only what was written down.

        At its next step it has to decide what the old one decides.
        """
        state = self.ledger.close()
        assert load_state(dump_state(state)) == state
        self._predecessor = self.ledger
        self.ledger = Ledger(load_state(dump_state(state)), self.rules, self.mission)

    def _step(self, seen: Observation) -> list[Action]:
        if self.cloud.now > self._moment:
            self._moment, self._steps = self.cloud.now, 0
        self._steps += 1
        assert self._steps < MOST_STEPS, f"no headway at {self.cloud.now} s: woken at {self.ledger.wake_at}"
        pending = set(self.ledger.pending) - {result.key for result in seen.results}
        actions = step(self.ledger, seen, self.cloud.now)
        keys = [action.key for action in actions]
        assert len(set(keys)) == len(keys), "an action is asked for twice"
        assert not pending & set(keys), "an action is asked for again while it is pending"
        if self._predecessor is not None:
            theirs = step(self._predecessor, seen, self.cloud.now)
            assert theirs == actions, f"a successor decides otherwise: {actions} instead of {theirs}"
            self._predecessor = None
        self.published += [action.task_id for action in actions if isinstance(action, PublishResults)]
        return actions

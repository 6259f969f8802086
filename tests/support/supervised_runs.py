"""The whole controller against a cloud in memory, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airflow_provider_hads.control import Mission
from airflow_provider_hads.model import Burstable, InstanceType, Job, Market, Task
from airflow_provider_hads.model.environment import Environment
from airflow_provider_hads.model.fleet import (
    LaunchOrder,
)
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.run_state import RunState, TaskState, VmRecord
from airflow_provider_hads.model.settings import Settings
from airflow_provider_hads.runtime.orders import OrderBook
from airflow_provider_hads.runtime.supervisor import Supervisor
from tests.support.control_examples import RULES, at, run_state
from tests.support.small_cloud import SmallCloud, plan_of

__all__ = ["PLAIN", "SMALL", "Harness", "has_ended", "job_of", "states", "with_policy"]

SMALL = InstanceType("small", 2, 4000, 10, {Market.SPOT: 0.03}, {Market.SPOT: 9}, Burstable(6, 0.1))


def job_of(tasks: int) -> Job:
    """Return a job whose tasks take 20 s each."""
    return Job("7", "", {str(task): Task(str(task), "true", 100, {"small": 20}) for task in range(tasks)})


PATIENCE = 0.2
"""Seconds for which a step's calls are waited for."""


SURE = 5
"""Times that they were waited for in vain before they are taken to hang."""


class Harness:
    """A supervisor, its world, and the states it has saved."""

    def __init__(self, cloud: SmallCloud, tasks: int, state: RunState | None = None, **more: Any) -> None:
        self.cloud = cloud
        self.saved: list[RunState] = []
        self.hanging = 0
        job = job_of(tasks)
        self.supervisor = Supervisor(
            state or run_state(plan_of(cloud, tasks)),
            rules=RULES,
            fleet=cloud,
            vms=cloud,
            results=cloud,
            orders=OrderBook(job, {"small": SMALL}, Settings(), {}),
            interval=5,
            clock=cloud.clock,
            save=self.saved.append,
            **more,
        )

    def run_until(
        self, reached: Callable[[RunState], bool], limit: float = 3000, stride: float = 1
    ) -> RunState:
        """Step on, by default a second of the run each, until the state is as wanted."""
        while not reached(self.supervisor.state):
            assert self.cloud.now < limit, self.supervisor.state
            self.supervisor.step()
            self.cloud.now += stride
            time.sleep(0.002)
            self._wait_for_calls()
        return self.supervisor.state

    def _wait_for_calls(self) -> None:
        """Let the calls end that take no time in this world, however busy the machine is; some hang."""
        until = time.monotonic() + PATIENCE
        while self.hanging < SURE and self.supervisor._lanes._lanes:
            if time.monotonic() > until:
                self.hanging += 1
                return
            time.sleep(0.001)

    def killed(self) -> RunState:
        """End this controller as kill -9 would, and return what its successor finds, with the next epoch."""
        self.supervisor.close()
        return replace(self.saved[-1], epoch=self.supervisor.state.epoch + 1)


def has_ended(state: RunState) -> bool:
    return state.ended


def states(state: RunState) -> set[TaskState]:
    return {task.state for task in state.tasks.values()}


PLAIN = InstanceType("small", 1, 4000, 10, {Market.SPOT: 0.03}, {Market.SPOT: 9})


def with_policy(tasks: int, kind: InstanceType = PLAIN) -> dict[str, Any]:
    """Return what a supervisor needs that decides by itself.

    :param kind: the type of all VMs.
    """
    environment = Environment({"small": kind}, {Market.SPOT: 9})

    def launch_order(vm: VmRecord) -> LaunchOrder:
        run = RunIdentity("7", 0, "uid", "bucket")
        return LaunchOrder(run, vm.id, vm.sequence, 0, "small", 4000, vm.market, False, at(2000))

    return {"mission": Mission(job_of(tasks), environment, boot=10), "launch_order": launch_order}

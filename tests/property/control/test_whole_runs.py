"""Whole runs against a cloud in memory whose calls fail and whose controller is killed, at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hads.control import Action, DeployVm, PublishResults, RenewLease, decide
from airflow_provider_hads.exceptions import HadsError, StorageError, VmUnreachable
from airflow_provider_hads.model.run_state import RunState, TaskState
from airflow_provider_hads.model.runner import Exchange, TaskOrder
from airflow_provider_hads.runtime.lanes import Ended
from airflow_provider_hads.runtime.observing import Look, observe
from airflow_provider_hads.runtime.orders import attempt_id, next_number
from tests.support.control_examples import RULES, at, run_state
from tests.support.small_cloud import NO_CLOUD, SmallCloud, plan_of

ERRORS = {
    "describe": NO_CLOUD,
    "exchange": VmUnreachable("timed out"),
    "prepare": VmUnreachable("timed out"),
    "publish": StorageError("no answer"),
}

troubles = st.lists(st.frozensets(st.sampled_from([*ERRORS, "killed", "lost answer"])), max_size=40)
"""For each of the first seconds x 5, what goes wrong; after that all is well."""


class Controller:
    """A controller without threads: what it wants is done at its next step."""

    def __init__(self, cloud: SmallCloud, state: RunState) -> None:
        self.cloud = cloud
        self.state = state
        self.saved = state
        self.wanted: tuple[Action, ...] = ()
        self.answers_get_lost = False

    def step(self, trouble: frozenset[str]) -> None:
        self.answers_get_lost = "lost answer" in trouble
        self.cloud.failing = {call: error for call, error in ERRORS.items() if call in trouble}
        ended = [self._called("describe", "describe", self._described)]
        ended += [self._called(action.lane, action.key, self._doing(action)) for action in self.wanted]
        ended += [self._look(vm_id) for vm_id in self.cloud.vms]
        if "killed" in trouble:
            # Kill -9 between the doing and the writing down: all that was seen is forgotten.
            self.state = replace(self.saved, pending=(), epoch=self.saved.epoch + 1)
            self.wanted = ()
            return
        self.state, self.wanted = decide(self.state, observe(ended), at(self.cloud.now), RULES)
        self.saved = self.state

    def _described(self) -> Look:
        return Look(at(self.cloud.now), self.cloud.describe())

    def _look(self, vm_id: str) -> Ended:
        message = Exchange(epoch=self.state.epoch)
        instance = self.cloud.vms[vm_id].shown
        return self._called(
            f"vm/{vm_id}", f"exchange/{vm_id}", lambda: self.cloud.exchange(instance, message)
        )

    def _doing(self, action: Action) -> Callable[[], object]:
        if isinstance(action, PublishResults):
            return lambda: self.cloud.publish(action.task_id, action.attempt_id, action.files)
        instance = self.cloud.vms[action.vm_id].shown
        if isinstance(action, RenewLease):
            lease = Exchange(epoch=self.state.epoch, expiry=action.expiry.timestamp())
            return lambda: self.cloud.exchange(instance, lease)
        assert isinstance(action, DeployVm), "without a mission nothing is launched or moved"
        message = Exchange(epoch=self.state.epoch, enqueue=tuple(map(self._order, action.task_ids)))

        def deploy() -> object:
            self.cloud.prepare(instance, at(self.cloud.now + RULES.deploy_timeout))
            return self.cloud.exchange(instance, message)

        return deploy

    def _order(self, task_id: str) -> TaskOrder:
        number = next_number(self.state.tasks[task_id])
        return TaskOrder(attempt_id(task_id, number), task_id, 0, "true", "image", "/work", 100)

    def _called(self, lane: str, key: str, call: Callable[[], object]) -> Ended:
        try:
            ended = Ended(lane, key, call())
        except HadsError as error:
            return Ended(lane, key, error=error)
        return Ended(lane, key, error=VmUnreachable("timed out")) if self.answers_get_lost else ended


@settings(deadline=None)
@given(troubles, st.integers(1, 7), st.integers(1, 3), st.floats(0, 60))
def test_whatever_goes_wrong_for_a_while_every_task_is_run_once_and_published_once(
    trouble: list[frozenset[str]], tasks: int, vms: int, boots_at: float
) -> None:
    cloud = SmallCloud(*(f"vm-{number}" for number in range(vms)))
    for vm in cloud.vms.values():
        vm.boots_at = boots_at
    controller = Controller(cloud, run_state(plan_of(cloud, tasks)))
    while not controller.state.ended:
        controller.step(trouble.pop() if trouble else frozenset())
        cloud.now += 5
        assert cloud.now < 1000, controller.state
    assert {task.state for task in controller.state.tasks.values()} == {TaskState.FINISHED}
    assert sorted(cloud.published) == [str(task) for task in range(tasks)]
    started = [attempt for vm in cloud.vms.values() for attempt in vm.orders]
    assert len(started) == tasks, "a task was given out twice"

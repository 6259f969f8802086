"""A cloud in memory that implements the controller's ports; its calls can be told to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from airflow_provider_hads.exceptions import CloudError, CommandFailed, EpochRefused, HadsError, VmUnreachable
from airflow_provider_hads.model.fleet import Instance, InstanceState, Launched, LaunchOrder
from airflow_provider_hads.model.runner import (
    AttemptState,
    AttemptStatus,
    Exchange,
    ResultFile,
    TaskOrder,
    VmStatus,
)
from tests.support.control_examples import DEADLINE, RESULT, RULES, at, instance


@dataclass
class SmallVm:
    """One VM: it answers from ``boots_at`` on, and works off its queue one task at a time, without resting.

    :param boots_at: seconds since the run's start; from then on SSH answers.
    :param runtime: seconds that every task takes.
    :param prepared: whether its runner is installed.
    """

    shown: Instance
    boots_at: float = 10.0
    runtime: float = 20.0
    prepared: bool = False
    epoch: int = 0
    expiry: float = DEADLINE + RULES.margin
    orders: dict[str, TaskOrder] = field(default_factory=dict)
    queued_at: dict[str, float] = field(default_factory=dict)
    exit_codes: dict[str, int] = field(default_factory=dict)
    said: list[Exchange] = field(default_factory=list)

    def answer(self, message: Exchange, now: float) -> VmStatus:
        if message.epoch < self.epoch:
            raise EpochRefused(f"epoch {message.epoch} is refused: epoch {self.epoch} has spoken")
        self.epoch = message.epoch
        if message.expiry is not None:
            self.expiry = message.expiry - at(0).timestamp()
        self.said.append(message)
        for order in message.enqueue:
            self.orders.setdefault(order.attempt_id, order)
            self.queued_at.setdefault(order.attempt_id, now)
        expiry = at(self.expiry).timestamp()
        return VmStatus("boot", int(now), self.epoch, expiry, slots=1, attempts=self._attempts(now))

    def _attempts(self, now: float) -> dict[str, AttemptStatus]:
        free_at = 0.0
        attempts = {}
        for attempt_id, order in self.orders.items():
            starts = max(free_at, self.queued_at[attempt_id])
            free_at = starts + self.runtime
            attempts[attempt_id] = self._attempt(order, starts, now)
        return attempts

    def _attempt(self, order: TaskOrder, starts: float, now: float) -> AttemptStatus:
        waiting = AttemptStatus(order.attempt_id, order.task_id, AttemptState.QUEUED)
        if now < starts:
            return waiting
        running = replace(waiting, state=AttemptState.RUNNING, started=starts, ran=now - starts)
        if now < starts + self.runtime:
            return running
        exit_code = self.exit_codes.get(order.task_id, 0)
        if exit_code:
            return replace(running, state=AttemptState.FAILED, exit_code=exit_code, ran=self.runtime)
        return replace(running, state=AttemptState.FINISHED, exit_code=0, ran=self.runtime, files=(RESULT,))


class SmallCloud:
    """All of a run's world, by a clock that only moves when it is told to.

    :param vm_ids: VMs that are running from the start.
    """

    failing: dict[str, HadsError]
    """By name of the port's method, what it raises."""

    hidden: set[str]
    """VMs that a look at the cloud does not show."""

    def __init__(self, *vm_ids: str) -> None:
        self.now = 0.0
        self.vms = {vm_id: SmallVm(instance(vm_id)) for vm_id in vm_ids}
        self.manifests: dict[str, str] = {}
        self.published: list[str] = []
        self.failing = {}
        self.hidden = set()
        self.looks = 0
        self.forgotten: list[str] = []
        self.lock = Lock()

    def clock(self) -> datetime:
        """Return the time."""
        return at(self.now)

    def terminate(self, vm_id: str, reason: str = "Server.SpotInstanceTermination") -> None:
        """End a VM, as EC2 does it."""
        vm = self.vms[vm_id]
        vm.shown = replace(vm.shown, state=InstanceState.TERMINATED, state_reason=reason, address=None)

    def describe(self) -> tuple[Instance, ...]:
        """Return all instances."""
        self.looks += 1
        self._fail_if_told("describe")
        return tuple(vm.shown for vm_id, vm in self.vms.items() if vm_id not in self.hidden)

    def launch(self, order: LaunchOrder) -> Launched:
        """Launch a VM."""
        self._fail_if_told("launch")
        shown = replace(instance(order.vm_id, launched=self.now), market=order.market)
        self.vms[order.vm_id] = SmallVm(shown, boots_at=self.now + 10)
        return Launched(shown.instance_id, adopted=False, hibernation=False)

    def end(self, instance: Instance) -> None:
        self.terminate(instance.vm_id, "Client.UserInitiatedShutdown")

    def exchange(self, instance: Instance, message: Exchange) -> VmStatus:
        """Speak with a VM."""
        self._fail_if_told("exchange")
        vm = self._reached(instance)
        if not vm.prepared:
            raise CommandFailed("python3: can't open file '/opt/hads/runner.py'")
        with self.lock:
            return vm.answer(message, self.now)

    def prepare(self, instance: Instance, until: datetime) -> None:
        """Install the runner."""
        self._fail_if_told("prepare")
        self._reached(instance).prepared = True

    def forget(self, instance: Instance) -> None:
        """Note that the calls to a VM were ended."""
        self.forgotten.append(instance.vm_id)

    def publish(self, task_id: str, attempt_id: str, files: Sequence[ResultFile]) -> bool:
        """Write the task's manifest, unless it is there."""
        self._fail_if_told("publish")
        with self.lock:
            if task_id not in self.manifests:
                self.manifests[task_id] = attempt_id
                self.published.append(task_id)
            return self.manifests[task_id] == attempt_id

    def _reached(self, instance: Instance) -> SmallVm:
        vm = self.vms[instance.vm_id]
        if vm.shown.state is not InstanceState.RUNNING or self.now < vm.boots_at:
            raise VmUnreachable(f"{instance.vm_id}: connection timed out")
        return vm

    def _fail_if_told(self, call: str) -> None:
        if call in self.failing:
            raise self.failing[call]


NO_CLOUD = CloudError("RequestLimitExceeded")


def plan_of(cloud: SmallCloud, tasks: int) -> Mapping[str, Sequence[str]]:
    """Return a plan that deals the tasks out to the cloud's VMs in turn."""
    vm_ids = list(cloud.vms)
    return {
        vm_id: [str(task) for task in range(tasks) if task % len(vm_ids) == number]
        for number, vm_id in enumerate(vm_ids)
    }

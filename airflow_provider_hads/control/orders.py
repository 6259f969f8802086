"""How a policy's will becomes actions and records, and what the actions' ends make of them."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_hads.control.actions import (
    Action,
    AssignTask,
    CancelAttempt,
    LaunchVm,
    Reason,
    StealTask,
    TerminateVm,
)
from airflow_provider_hads.control.attempts import attempt_id, next_number
from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.control.observation import ActionResult
from airflow_provider_hads.control.remaining import kept_share
from airflow_provider_hads.control.setbacks import follow_setbacks, held_back
from airflow_provider_hads.control.stretches import timed
from airflow_provider_hads.control.tasks import drop_attempts, judge
from airflow_provider_hads.control.zones import zone_for
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import Attempt, TaskRecord, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState

__all__ = ["NO_CAPACITY_PAUSE", "Orders", "take_results"]

NO_CAPACITY_PAUSE = 120.0
"""Seconds for which a type is not asked for again after the cloud had none, for the second time in a row."""

FIRST_PAUSE = 30.0
"""Seconds for which it is not, after the first time; it doubles up to that."""

THROTTLED_PAUSE = 15.0
"""Seconds for which nothing is launched after the cloud was asked too often."""

_ONCE = ("launch/", "assign/")
"""Actions that are not tried again as they are: the policy decides anew."""


def take_results(ledger: Ledger, results: Iterable[ActionResult], elapsed: float) -> None:
    """Take in how actions have ended.

    :param elapsed: seconds since the run's start.
    """
    if ledger.supervised_from is None:
        ledger.supervised_from = elapsed
    for result in results:
        ledger.pending.pop(result.key, None)
        kind, _, name = result.key.partition("/")
        if kind == "launch" and result.timed_out:
            # It may have been launched: a look at the cloud shows it, or else it is given up.
            _is_launched(ledger, ledger.vms[name], elapsed)
        elif kind == "launch" and result.error:
            _not_launched(ledger, ledger.vms[name], result, elapsed)
        elif kind == "launch":
            _is_launched(ledger, ledger.vms[name], elapsed)
        elif kind == "terminate" and not result.error:
            _has_ended(ledger, name, elapsed)
        elif kind == "assign" and result.error:
            _not_assigned(ledger, name, result.error, elapsed)
    again = [result for result in results if not result.key.startswith(_ONCE)]
    if again and (ledger.setbacks or any(result.error for result in again)):
        ledger.setbacks = dict(follow_setbacks(ledger.setbacks, again, elapsed))


def _not_launched(ledger: Ledger, vm: VmRecord, result: ActionResult, elapsed: float) -> None:
    for key in _refused(ledger, vm, result):
        ledger.pauses[key] = max(elapsed + _pause(ledger, key, result, elapsed), ledger.pauses.get(key, 0.0))
    ledger.put_vm(amended(vm, state=VmState.LOST, reason=result.error, ended_at=elapsed))


def _refused(ledger: Ledger, vm: VmRecord, result: ActionResult) -> list[str]:
    """Return the types and markets that are not to be had, and in which zone, by why a launch was refused.

    A quota is the whole market's; a cloud that was asked too often wants to be asked for nothing.
    """
    if ledger.mission is None or not (result.quota or result.throttled):
        in_zone = ledger.mission is not None and vm.zone in ledger.mission.zones
        return [f"{vm.instance_type}/{vm.market}" + (f"/{vm.zone}" if in_zone else "")]
    markets = tuple(Market) if result.throttled else (vm.market,)
    return [
        f"{kind.name}/{market}"
        for kind in ledger.mission.types.values()
        for market in markets
        if kind.offers(market)
    ]


def _pause(ledger: Ledger, key: str, result: ActionResult, elapsed: float) -> float:
    """Return for how long a type is not asked for again: longer, if it was just refused before."""
    if result.throttled:
        return THROTTLED_PAUSE
    before = ledger.pauses.get(key)
    again = before is not None and elapsed - before < NO_CAPACITY_PAUSE
    return NO_CAPACITY_PAUSE if again else FIRST_PAUSE


def _is_launched(ledger: Ledger, vm: VmRecord, elapsed: float) -> None:
    """Note when the cloud took the order: a VM that it never shows is given up some time after."""
    if vm.state is VmState.LAUNCHING and vm.launched_at is None:
        ledger.put_vm(amended(vm, launched_at=ledger.moment(elapsed)))


def _has_ended(ledger: Ledger, vm_id: str, elapsed: float) -> None:
    vm = ledger.vms[vm_id]
    if vm.state is VmState.TERMINATED:
        return
    after = amended(vm, state=VmState.TERMINATED, ended_at=elapsed, reason=vm.reason or "terminated")
    ledger.put_vm(timed(vm, after, elapsed))


def _not_assigned(ledger: Ledger, attempt: str, error: str, elapsed: float) -> None:
    for vm_id in ledger.vms:
        if (task_id := ledger.work[vm_id].get(attempt)) is not None:
            task = ledger.tasks[task_id]
            _end_attempt(ledger, task, attempt, f"could not be queued: {error}", elapsed)
            return


def _end_attempt(ledger: Ledger, task: TaskRecord, attempt: str, why: str, elapsed: float) -> None:
    attempts = tuple(
        amended(one, state=AttemptState.CANCELLED, ended_at=elapsed, error=why) if one.id == attempt else one
        for one in task.attempts
    )
    judge(ledger, amended(task, attempts=attempts))


class Orders:
    """Issues one step's actions, none that is pending or held back, and enters them into the books."""

    def __init__(self, ledger: Ledger, elapsed: float) -> None:
        self.issued: list[Action] = []
        self._ledger = ledger
        self._elapsed = elapsed

    def issue(self, action: Action) -> bool:
        """Ask for an action, unless it is being carried out or has just failed; say whether it was."""
        key = action.key
        if key in self._ledger.pending or held_back(self._ledger.setbacks, key, self._elapsed):
            return False
        self._ledger.pending[key] = None
        self.issued.append(action)
        return True

    def launch(
        self,
        kind: InstanceType,
        market: Market,
        reason: Reason,
        zone: str = "",
        task_ids: tuple[str, ...] = (),
    ) -> VmRecord:
        """Launch a VM of that type; it counts against the limits from now on.

        :param zone: where; empty takes the best of the mission's zones.
        """
        ledger, mission = self._ledger, self._ledger.mission
        # A run that was cleared has its VMs' names from before; and a given plan names its VMs as it likes.
        prefix = f"g{mission.generation}-vm" if mission is not None and mission.generation else "vm"
        while f"{prefix}-{ledger.launches}" in ledger.vms:
            ledger.launches += 1
        number = ledger.launches
        ledger.launches += 1
        boot = mission.boot if mission is not None else 0.0
        if not zone and mission is not None:
            zone = zone_for(ledger, kind, market, self._elapsed)
        vm = VmRecord(
            id=f"{prefix}-{number}",
            sequence=number,
            instance_type=kind.name,
            market=market,
            price=kind.price(market),
            task_ids=task_ids,
            state=VmState.LAUNCHING,
            ready_by=self._elapsed + boot,
            zone=zone,
        )
        ledger.put_vm(vm)
        self.issue(LaunchVm(vm.id, number, kind.name, market, reason, zone))
        return vm

    def terminate(self, vm: VmRecord, reason: Reason) -> None:
        """End a VM; what it works on is taken from it."""
        if self.issue(TerminateVm(vm.id, reason)):
            drop_attempts(self._ledger, vm.id, f"{vm.id} was ended: {reason}", self._elapsed)

    def ending(self, vm_id: str) -> bool:
        """Say whether the VM is being terminated."""
        return f"terminate/{vm_id}" in self._ledger.pending

    def assign(self, vm: VmRecord, task: TaskRecord, reason: Reason, *, burst: bool = False) -> None:
        """Give a VM a new attempt of a task.

        :param burst: on a burstable VM, at full speed, by its CPU credits.
        """
        mission = self._ledger.mission
        generation = mission.generation if mission is not None else 0
        kept = kept_share(self._ledger, task.id, self._elapsed) if mission is not None else task.saved
        name = attempt_id(task.id, next_number(task, generation), generation)
        attempt = Attempt(
            name,
            vm.id,
            AttemptState.QUEUED,
            ordered_at=self._elapsed,
            heard_at=self._elapsed,
            progress=kept,
            burst=burst,
            reason=reason.value,
        )
        judge(self._ledger, amended(task, attempts=(*task.attempts, attempt)))
        share = None if burst else vm.cpu_share
        self.issue(AssignTask(vm.id, task.id, name, reason, kept, share))

    def steal(self, task: TaskRecord, attempt: Attempt, reason: Reason) -> None:
        """Take an attempt that waits back out of its VM's queue; of a VM that sleeps it is taken at once.

        A VM that wakes with something in its queue that was taken is told to drop it.
        """
        if self._ledger.vms[attempt.vm_id].state is VmState.READY:
            self.issue(StealTask(attempt.vm_id, task.id, attempt.id, reason))
        else:
            _end_attempt(self._ledger, task, attempt.id, f"taken back: {reason}", self._elapsed)

    def cancel(self, task: TaskRecord, attempt: Attempt, reason: Reason) -> None:
        """Drop an attempt. A VM that sleeps can't be told now; it is told when it comes back."""
        _end_attempt(self._ledger, task, attempt.id, f"dropped: {reason}", self._elapsed)
        vm = self._ledger.vms[attempt.vm_id]
        if vm.state is VmState.READY:
            self.issue(CancelAttempt(attempt.vm_id, task.id, attempt.id, reason))

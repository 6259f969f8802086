"""What EC2 does to its instances over users' heads: hibernate, stop, terminate, resume."""

from __future__ import annotations

import json
import logging
import time
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from enum import Enum

from airflow_provider_hads.exceptions import CloudError, HadsError, InputError
from airflow_provider_hads.local_cloud.instance import (
    SPOT_HIBERNATION,
    SPOT_STOP,
    SPOT_TERMINATION,
    VmInstance,
)
from airflow_provider_hads.local_cloud.lifecycle import Lifecycle, in_background
from airflow_provider_hads.local_cloud.spot import SpotRequest
from airflow_provider_hads.local_cloud.status import Happening

__all__ = ["LONGEST_NOTICE_SECONDS", "Action", "Interruptions"]

_log = logging.getLogger(__name__)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
LONGEST_NOTICE_SECONDS = 3600.0


class Action(str, Enum):
    """What an interruption does to a spot instance, by EC2's names."""

    HIBERNATE = "hibernate"
    """The memory goes to the disk; here the VM is frozen. It begins at once, with the notice."""

    STOP = "stop"
    """The VM is shut down; its disk stays."""

    TERMINATE = "terminate"
    """The VM is shut down and deleted."""


BY_HAND = "hand"
_REASONS = {Action.HIBERNATE: SPOT_HIBERNATION, Action.STOP: SPOT_STOP}


class Interruptions:
    """Interrupts spot instances and brings them back, as EC2 does.

    :param lock: held whenever an instance or a request changes.
    """

    def __init__(self, lifecycle: Lifecycle, lock: AbstractContextManager[bool]) -> None:
        self._lifecycle = lifecycle
        self._lock = lock
        self._history: list[Happening] = []

    def history(self) -> list[Happening]:
        """Return all that has been done to instances, in order."""
        with self._lock:
            return list(self._history)

    def interrupt(
        self, instance: VmInstance, action: Action | None = None, notice: float = 0.0, by: str = BY_HAND
    ) -> Action:
        """Interrupt a spot instance that runs.

        With a notice this returns at once, and the instance is interrupted when the notice is over, unless
        it has ended by then. Without, this returns when it has happened (a terminated VM may still be going).

        :param action: None is what the instance's spot request says.
        :param notice: seconds between the notice and the interruption.
        :param by: who does it, for the history.
        :return: the action.
        :raises InputError: EC2 would not do that to this instance.
        :raises CloudError: the instance does not run, or the engine can't.
        """
        with self._lock:
            request = _request_of(instance)
            action = action or Action(request.terms.interruption_behavior)
            _check(instance, request, action, notice)
            self._give_notice(instance, request, action, notice)
        if not notice:
            self._carry_out(instance, request, action, by)
            return action

        def later() -> None:
            time.sleep(notice)
            try:
                self._carry_out(instance, request, action, by)
            except (HadsError, OSError) as error:
                _log.warning("%s: not interrupted: %s", instance.id, error)

        in_background(later, f"notice-{instance.id}")
        return action

    def _give_notice(self, instance: VmInstance, request: SpotRequest, action: Action, notice: float) -> None:
        due = (datetime.now(timezone.utc) + timedelta(seconds=notice)).strftime(_TIME)
        instance.notice = json.dumps({"action": action.value, "time": due})
        if action is Action.TERMINATE:
            instance.termination_time = due
        request.mark(stops=action is not Action.TERMINATE)
        self._lifecycle.events.interruption(instance, action.value)

    def _carry_out(self, instance: VmInstance, request: SpotRequest, action: Action, by: str) -> None:
        with self._lock:
            _check_state(instance, "running")
            self._note(instance, action.value, by)
            if action is Action.TERMINATE:
                instance.begin_end(SPOT_TERMINATION)
                self._lifecycle.end(instance)
                return
            instance.begin_stop(_REASONS[action], frozen=action is Action.HIBERNATE)
        if action is Action.HIBERNATE:
            self._lifecycle.hibernate(instance)
        else:
            self._lifecycle.power_off(instance)
        with self._lock:
            request.instance_stopped(by_user=False)

    def _note(self, instance: VmInstance, what: str, by: str) -> None:
        _log.info("%s: %s (%s)", instance.id, what, by)
        self._history.append(Happening(datetime.now(timezone.utc).isoformat(), instance.id, what, by))

    def resume(self, instance: VmInstance, fresh_boot: bool = False, by: str = BY_HAND) -> None:
        """Bring a stopped or hibernated instance back, with another address; return when it runs.

        :param fresh_boot: it boots from its disk, as EC2 does where hibernation had failed: its memory is
            gone, and its boot id is a new one. A stopped instance always does.
        :param by: who does it, for the history.
        :raises CloudError: the instance is not stopped, its request is over, or the engine can't.
        """
        with self._lock:
            _check_state(instance, "stopped")
            request = instance.ec2_backend.spot_request_of(instance)
            if request is not None:
                _check_request(instance, request)
                request.instance_started()
            instance.begin_start(keep_memory=not fresh_boot)
            self._note(instance, "fresh-boot" if fresh_boot else "resume", by)
        self._lifecycle.come_back(instance, keep_memory=not fresh_boot)

    def recommend_rebalance(self, instance: VmInstance) -> None:
        """Tell that a spot instance is at a higher risk than usual.

        :raises InputError: it is no spot instance.
        :raises CloudError: it does not run.
        """
        with self._lock:
            _request_of(instance)
            _check_state(instance, "running")
            instance.rebalance = json.dumps({"noticeTime": datetime.now(timezone.utc).strftime(_TIME)})
            self._lifecycle.events.rebalance(instance)


def _request_of(instance: VmInstance) -> SpotRequest:
    request = instance.ec2_backend.spot_request_of(instance)
    if not isinstance(request, SpotRequest):
        raise InputError("local cloud", instance.id, "is an on-demand VM: EC2 interrupts spot VMs only")
    return request


def _check(instance: VmInstance, request: SpotRequest, action: Action, notice: float) -> None:
    if action is not Action.TERMINATE and not request.terms.persistent:
        problem = f"its spot request is one-time, so that EC2 can terminate it, but not {action.value} it"
        raise InputError("local cloud", instance.id, problem)
    if action is Action.HIBERNATE and notice:
        raise InputError("local cloud", instance.id, "hibernation begins at once: it has no notice time")
    if not 0 <= notice <= LONGEST_NOTICE_SECONDS:
        problem = f"notice {notice:g} is not right: give seconds, 0 to {LONGEST_NOTICE_SECONDS:g}"
        raise InputError("local cloud", instance.id, problem)
    _check_state(instance, "running")


def _check_request(instance: VmInstance, request: SpotRequest) -> None:
    if request.expired(datetime.now(timezone.utc)) or request.state != "disabled":
        raise CloudError(f"{instance.id} stays stopped: its spot request is {request.state} or expired")


def _check_state(instance: VmInstance, state: str) -> None:
    if instance.state != state:
        raise CloudError(f"{instance.id} is {instance.state}: it must be {state} for that")

"""From calls that have ended to what the controller's next step sees."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider_hads.control import ActionResult, Observation, Silence
from airflow_provider_hads.exceptions import (
    CapacityError,
    CloudTimeout,
    CommandFailed,
    EpochRefused,
    HadsError,
    HostKeyMismatch,
    QuotaError,
    ThrottledError,
    VmUnreachable,
)
from airflow_provider_hads.model.fleet import Instance
from airflow_provider_hads.model.runner import VmStatus
from airflow_provider_hads.runtime.lanes import Ended

__all__ = ["DESCRIBE", "VM", "newest_by_vm", "observe"]

log = logging.getLogger(__name__)

DESCRIBE = "describe"
"""Key of a look at the cloud."""

EXCHANGE = "exchange/"
"""Start of the key of a look at a VM."""

VM = "vm/"
"""Start of the lane of everything that is said to a VM; the VM's id follows."""


def observe(ended: Iterable[Ended]) -> Observation:
    """Return what calls have brought to light.

    Errors of the outside world are observations. Every other one is a fault of this program: it is raised, so
    that it is seen, and the controller starts anew.

    :raises EpochRefused: a later controller has taken over.
    """
    seen = _Seen()
    for one in ended:
        seen.take(one)
    return Observation(seen.fleet, seen.statuses, seen.silences, tuple(seen.results))


def newest_by_vm(instances: Iterable[Instance]) -> dict[str, Instance]:
    """Return the instance of each VM: where there are several, one that lives, then the latest launched."""
    ordered = sorted(instances, key=lambda instance: (not instance.state.ended, instance.launched_at))
    return {instance.vm_id: instance for instance in ordered}


@dataclass
class _Seen:
    fleet: dict[str, Instance] | None = None
    statuses: dict[str, VmStatus] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    results: list[ActionResult] = field(default_factory=list)

    def take(self, ended: Ended) -> None:
        """Sort in one call."""
        error = ended.error
        if error is not None and (isinstance(error, EpochRefused) or not isinstance(error, HadsError)):
            raise error
        if ended.key == DESCRIBE:
            self._take_fleet(ended)
            return
        if ended.lane.startswith(VM):
            self._take_word(ended.lane[len(VM) :], ended)
        if not ended.key.startswith(EXCHANGE):
            self._take_result(ended)

    def _take_fleet(self, ended: Ended) -> None:
        if ended.error is None:
            self.fleet = newest_by_vm(ended.value)
        else:
            log.warning("The cloud did not tell about the VMs: %s", _one_line(ended.error))

    def _take_word(self, vm_id: str, ended: Ended) -> None:
        """Take a VM's answer, whatever was said to it; the last word counts."""
        self.statuses.pop(vm_id, None)
        self.silences.pop(vm_id, None)
        if ended.error is None:
            self.statuses[vm_id] = ended.value
        else:
            self.silences[vm_id] = _silence(ended)

    def _take_result(self, ended: Ended) -> None:
        result = ActionResult(
            ended.key,
            _one_line(ended.error),
            hopeless=isinstance(ended.error, HostKeyMismatch),
            capacity=isinstance(ended.error, (CapacityError, QuotaError)),
            quota=isinstance(ended.error, QuotaError),
            throttled=isinstance(ended.error, ThrottledError),
            timed_out=isinstance(ended.error, (CloudTimeout, VmUnreachable)),
        )
        if ended.error is not None:
            log.warning("%s did not work, it will be tried again: %s", ended.key, result.error)
        self.results.append(result)


def _silence(ended: Ended) -> Silence:
    return Silence(
        _one_line(ended.error),
        undeployed=isinstance(ended.error, CommandFailed),
        hopeless=isinstance(ended.error, HostKeyMismatch),
    )


def _one_line(error: BaseException | None) -> str:
    return "" if error is None else " ".join(f"{error}".split()) or type(error).__name__

"""One look at a VM, and what it says about an attempt there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import CloudError, EpochRefused, HostKeyMismatch, VmError
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.runner import AttemptState, Exchange, VmStatus

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["REBOOTED", "Sighting", "Standing", "VmReader", "standing_of"]

ANSWER_TIMEOUT = 10.0
"""Seconds for a VM's answer; a hibernated one gives none."""

REBOOTED = "interrupted by a reboot"
"""What a runner says of attempts that its VM has lost with its memory."""


@dataclass(frozen=True)
class Sighting:
    """What a look at a VM has shown.

    :param instance: as the cloud describes it; None where the cloud does not show it.
    :param status: its runner's answer; None where there was none.
    :param problem: why not, one line.
    """

    instance: Instance | None
    status: VmStatus | None = None
    problem: str = ""


class Standing(str, Enum):
    """How it is with an attempt."""

    WORKING = "working"
    """Its VM has it, and goes on with it."""

    ENDED = "ended"
    """It has finished or failed by itself."""

    ASTRAY = "astray"
    """Its VM is away, or has dropped or lost it: wait, or look for a later attempt."""


def standing_of(attempt_id: str, sighting: Sighting) -> tuple[Standing, str]:
    """Say how it is with an attempt, and why if it is astray."""
    if sighting.status is None:
        return Standing.ASTRAY, sighting.problem
    attempt = sighting.status.attempts.get(attempt_id)
    if attempt is None:
        return Standing.ASTRAY, "its VM does not have it (any more)"
    if attempt.state is AttemptState.CANCELLED:
        return Standing.ASTRAY, "it was cancelled on its VM"
    if attempt.state is AttemptState.FAILED and attempt.exit_code is None and attempt.error == REBOOTED:
        return Standing.ASTRAY, "its VM has lost its memory and booted anew"
    return (Standing.ENDED if attempt.state.ended else Standing.WORKING), ""


class VmReader:
    """Looks at one VM: asks its runner, and the cloud only where that does not answer."""

    def __init__(self, toolbox: Toolbox, vm: VmHandle) -> None:
        self._toolbox = toolbox
        self._vm = vm
        self._instance: Instance | None = None

    def look(self, message: Exchange | None = None) -> Sighting:
        """Look once; takes a few seconds where the VM is away.

        :param message: what to tell the VM on this occasion.
        :raises HostKeyMismatch: another host answers at the VM's address.
        :raises EpochRefused: a controller has taken over the VM.
        """
        if self._instance is None:
            seen = self._describe()
            if seen.problem or seen.instance is None:
                return seen
            self._instance = seen.instance
        try:
            status = self._toolbox.gateway.exchange(
                self._instance, message or Exchange(epoch=0), timeout=ANSWER_TIMEOUT
            )
            return Sighting(self._instance, status)
        except (EpochRefused, HostKeyMismatch):
            raise
        except VmError as error:
            self._instance = None  # it may have another address, or none, from now on
            seen = self._describe()
            return Sighting(seen.instance, None, seen.problem or _one_line(error))

    def _describe(self) -> Sighting:
        """Return what the cloud says; there is a problem unless the VM runs."""
        try:
            fleet = self._toolbox.fleet.describe()
        except CloudError as error:
            return Sighting(None, None, _one_line(error))
        instance = next((vm for vm in fleet if vm.instance_id == self._vm.instance_id), None)
        if instance is None:
            return Sighting(None, None, f"{self._vm.vm_id} is not there (any more)")
        if instance.state is InstanceState.RUNNING and instance.address is not None:
            return Sighting(instance)
        reason = f": {instance.state_reason}" if instance.state_reason else ""
        return Sighting(instance, None, f"{self._vm.vm_id} is {instance.state.value}{reason}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())

"""What a controller needs of the world; real, local and simulated clouds implement it alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from airflow_provider_hads.model.cloud_event import CloudEvent
from airflow_provider_hads.model.fleet import CountedCredits, Instance, Launched, LaunchOrder
from airflow_provider_hads.model.runner import Exchange, ResultFile, VmStatus

__all__ = ["CreditsPort", "EventsPort", "FleetPort", "ResultsPort", "VmPort"]


class FleetPort(Protocol):
    """The run's VMs as the cloud sees them."""

    def describe(self) -> tuple[Instance, ...]:
        """Return all instances of the run, ended ones included as long as the cloud shows them.

        :raises CloudError: the cloud did not answer.
        """
        ...

    def launch(self, order: LaunchOrder) -> Launched:
        """Launch a VM, or adopt the one that an earlier try has launched; do not wait for capacity.

        :raises CapacityError: the cloud has no such VM now.
        :raises QuotaError: the account's quota is used up.
        :raises CloudError: the cloud refused or failed for another reason.
        """
        ...

    def end(self, instance: Instance) -> None:
        """End a VM for good, its spot request first.

        :raises CloudError: the cloud refused or failed.
        """
        ...


class EventsPort(Protocol):
    """What the cloud tells by itself; an addition to :meth:`FleetPort.describe`, not in its place."""

    def receive(
        self, instance_ids: Collection[str], settled: Collection[str] | None = None
    ) -> tuple[CloudEvent, ...]:
        """Return what has been told since the last call, each event once, in the order of its time.

        It does not wait for events. Events may be lost, late or out of order: a description is the truth.

        :param instance_ids: the run's instances; events of others are left for others.
        :param settled: ids of events that were received before and need not be told again: a successor is
            told all others. None settles each event when it is received.
        :raises CloudError: the cloud did not answer.
        """
        ...


class CreditsPort(Protocol):
    """The CPU credits of burstable instances."""

    def balances(self, instance_ids: Sequence[str]) -> Mapping[str, CountedCredits]:
        """Return the latest balance of each instance that has one.

        :raises CloudError: the cloud did not answer.
        """
        ...


class VmPort(Protocol):
    """The way to the runners on the VMs."""

    def exchange(self, instance: Instance, message: Exchange) -> VmStatus:
        """Tell a VM something, and hear all about it.

        :raises VmUnreachable: no connection or no answer in time.
        :raises CommandFailed: SSH works, but there is no runner.
        :raises HostKeyMismatch: another host answers.
        :raises EpochRefused: the VM has heard from a later controller.
        """
        ...

    def prepare(self, instance: Instance, until: datetime) -> None:
        """Wait for SSH, then install and start the runner.

        :param until: when to give up, UTC.
        :raises VmError: it could not be done by then.
        """
        ...

    def forget(self, instance: Instance) -> None:
        """End the calls to a VM that are under way: it can't answer them any more."""
        ...


class ResultsPort(Protocol):
    """The run's results in the bucket."""

    def publish(self, task_id: str, attempt_id: str, files: Sequence[ResultFile]) -> bool:
        """Make an attempt's results the task's; once for a task, however many attempts finish.

        :return: whether this attempt's results are the published ones.
        :raises StorageError: the bucket could not be read or written.
        """
        ...

"""What is asked of the cloud, and what the cloud says about a VM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.identifiers import RunIdentity

__all__ = ["CountedCredits", "Instance", "InstanceState", "InterruptionKind", "LaunchOrder", "Launched"]


class InstanceState(str, Enum):
    """EC2's instance states, by EC2's names."""

    PENDING = "pending"
    """Launched; the machine is being made."""

    RUNNING = "running"
    """The machine is on; its services may still be starting."""

    STOPPING = "stopping"
    """Being stopped or hibernated."""

    STOPPED = "stopped"
    """Stopped or hibernated; only its disk is paid for."""

    SHUTTING_DOWN = "shutting-down"
    """Being terminated."""

    TERMINATED = "terminated"
    """Gone for good."""

    @property
    def ended(self) -> bool:
        """Whether nothing will run there again."""
        return self in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


class InterruptionKind(str, Enum):
    """What the cloud does to a spot VM whose capacity it wants back, by EC2's names."""

    HIBERNATE = "hibernate"
    """The memory is kept on disk; only the cloud resumes the VM, if ever. There is no notice time."""

    STOP = "stop"
    """The disk is kept, the memory is not."""

    TERMINATE = "terminate"
    """Nothing is kept."""


@dataclass(frozen=True)
class LaunchOrder:
    """One VM to be launched, once: the same run, generation and sequence give the same VM.

    :param sequence: the VM's number within its run.
    :param generation: how often the run was cleared and started again.
    :param memory: MB of RAM of the type.
    :param burstable: whether the type earns CPU credits (it is launched with standard credits).
    :param expires_at: the first lease: the VM powers itself off then, and its spot request ends.
    :param zone: availability zone; empty leaves it to the cloud.
    """

    run: RunIdentity
    vm_id: str
    sequence: int
    generation: int
    instance_type: str
    memory: float
    market: Market
    burstable: bool
    expires_at: datetime
    zone: str = ""


@dataclass(frozen=True)
class Launched:
    """The answer to a :class:`LaunchOrder`.

    :param adopted: an earlier try had launched it already.
    :param hibernation: an interruption hibernates the VM (else it terminates).
    :param note: why hibernation was not to be had, and the like; may be empty.
    """

    instance_id: str
    adopted: bool
    hibernation: bool
    note: str = ""


@dataclass(frozen=True)
class Instance:
    """A VM as the cloud describes it.

    :param address: where SSH reaches it; None while it has no address.
    :param host_key: its public host key as in ``known_hosts`` (``ssh-ed25519 AAAA...``), from its tag.
    :param spot_request_id: None for on-demand.
    :param state_reason: EC2's reason code and message of the last change of state; may be empty.
    :param ended_at: when its end began, UTC; None while it lives, or where EC2 does not tell.
    :param started_at: when it was last started or resumed, UTC; None where the cloud does not tell.
    :param stopped_at: when its stop or hibernation began, UTC; None unless it is off, or where EC2 does not
        tell.
    :param interruption: how the cloud has interrupted it; None while it runs, and where its user or itself
        ended it. EC2 does not say whether a VM that was to hibernate could: a new boot id does, later.
    """

    instance_id: str
    vm_id: str
    sequence: int
    generation: int
    instance_type: str
    market: Market
    state: InstanceState
    address: str | None
    host_key: str
    launched_at: datetime
    zone: str = ""
    spot_request_id: str | None = None
    state_reason: str = ""
    ended_at: datetime | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    interruption: InterruptionKind | None = None

    @property
    def hibernated(self) -> bool:
        """Whether it has been stopped with its memory, or is about to be."""
        stops = self.state in (InstanceState.STOPPING, InstanceState.STOPPED)
        return stops and self.interruption is InterruptionKind.HIBERNATE


@dataclass(frozen=True)
class CountedCredits:
    """The CPU credits of a burstable instance.

    :param credits: one is one vCPU at full speed for a minute.
    :param counted_at: when it had them, UTC.
    """

    credits: float
    counted_at: datetime

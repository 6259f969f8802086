"""What a controller's step sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from airflow_provider_hads.model.cloud_event import CloudEvent
from airflow_provider_hads.model.fleet import Instance
from airflow_provider_hads.model.runner import VmStatus

__all__ = ["ActionResult", "CreditBalance", "Notice", "NoticeKind", "Observation", "Silence"]


@dataclass(frozen=True)
class Silence:
    """Why a VM did not answer.

    :param reason: one line for the user.
    :param undeployed: SSH works, but there is no runner yet.
    :param hopeless: trying again can't help (another host's key, a refused login).
    """

    reason: str
    undeployed: bool = False
    hopeless: bool = False


@dataclass(frozen=True)
class ActionResult:
    """How an action ended.

    :param key: the action's key.
    :param error: one line; empty when it was carried out.
    :param hopeless: trying again can't help.
    :param capacity: it failed because the cloud has no capacity, or the account no quota, for it now.
    :param quota: it failed because of the account's quota, which all types of a market share.
    :param throttled: the cloud was asked too often, and would not listen.
    :param timed_out: there was no answer in time: it may have been carried out all the same.
    """

    key: str
    error: str = ""
    hopeless: bool = False
    capacity: bool = False
    quota: bool = False
    throttled: bool = False
    timed_out: bool = False


class NoticeKind(str, Enum):
    """What a VM is told that will be done to it. Hibernation comes without lead time, so not by a notice."""

    STOP = "stop"
    """It will be stopped: what runs there is lost, its disk is kept."""

    TERMINATE = "terminate"
    """It will be terminated."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Notice:
    """The cloud's word to a spot VM that it will be interrupted.

    :param kind: what will be done to it.
    :param seconds: how long it has left, from the observation on; EC2 gives up to 120.
    """

    kind: NoticeKind
    seconds: float


@dataclass(frozen=True)
class CreditBalance:
    """The CPU credits of a burstable VM, as the cloud has counted them.

    :param credits: one is one vCPU at full speed for a minute.
    :param age: seconds since they were counted; CloudWatch tells every five minutes.
    """

    credits: float
    age: float = 0.0


@dataclass(frozen=True)
class Observation:
    """All that has become known since the last step.

    :param fleet: the run's instances by VM id; None when the cloud was not asked, or did not answer.
    :param statuses: what VMs answered.
    :param silences: VMs that were asked and did not answer.
    :param results: actions that have ended.
    :param news: instances that have changed, by VM id; all that are not named are as they were.
    :param events: what the cloud has told by itself, in the order of its times; ``news`` is what it comes to.
    :param checkpoints: by task id, the share of the task that its latest checkpoint keeps.
    :param notices: by VM id, that it will be stopped or terminated; again and again, or once.
    :param credits: by id of a burstable VM, its CPU credits.
    """

    fleet: Mapping[str, Instance] | None = None
    statuses: Mapping[str, VmStatus] = field(default_factory=dict)
    silences: Mapping[str, Silence] = field(default_factory=dict)
    results: tuple[ActionResult, ...] = ()
    news: Mapping[str, Instance] = field(default_factory=dict)
    events: tuple[CloudEvent, ...] = ()
    checkpoints: Mapping[str, float] = field(default_factory=dict)
    notices: Mapping[str, Notice] = field(default_factory=dict)
    credits: Mapping[str, CreditBalance] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing new is known."""
        return self.fleet is None and not (
            self.statuses
            or self.silences
            or self.results
            or self.news
            or self.events
            or self.checkpoints
            or self.notices
            or self.credits
        )

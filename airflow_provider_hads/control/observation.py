"""What a controller's step sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_hads.model.fleet import Instance
from airflow_provider_hads.model.runner import VmStatus

__all__ = ["ActionResult", "Observation", "Silence"]


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
    """

    key: str
    error: str = ""
    hopeless: bool = False
    capacity: bool = False


@dataclass(frozen=True)
class Observation:
    """All that has become known since the last step.

    :param fleet: the run's instances by VM id; None when the cloud was not asked, or did not answer.
    :param statuses: what VMs answered.
    :param silences: VMs that were asked and did not answer.
    :param results: actions that have ended.
    :param news: instances that have changed, by VM id; all that are not named are as they were.
    :param checkpoints: by task id, the share of the task that its latest checkpoint keeps.
    """

    fleet: Mapping[str, Instance] | None = None
    statuses: Mapping[str, VmStatus] = field(default_factory=dict)
    silences: Mapping[str, Silence] = field(default_factory=dict)
    results: tuple[ActionResult, ...] = ()
    news: Mapping[str, Instance] = field(default_factory=dict)
    checkpoints: Mapping[str, float] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing new is known."""
        return self.fleet is None and not (
            self.statuses or self.silences or self.results or self.news or self.checkpoints
        )

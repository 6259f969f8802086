"""What every task of a run's DAG knows about its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.model.identifiers import RunIdentity

__all__ = ["RunContext"]


@dataclass(frozen=True)
class RunContext:
    """A run, as ``open_run`` hands it on.

    :param identity: who the run is.
    :param generation: how often the run has been cleared; its VMs and attempts are told apart by it.
    :param started_at: the run's t = 0, UTC.
    :param deadline: seconds since then.
    :param margin: seconds after the deadline until leases end and the run gives up.
    :param boot_timeout: seconds from a VM's launch to its runner's first answer.
    :param region: where its VMs are; empty is the connection's own. Known here too, so that VMs can be ended
        when the bucket with the run's settings is gone.
    """

    identity: RunIdentity
    generation: int
    started_at: datetime
    deadline: float
    margin: float
    boot_timeout: float
    region: str = ""

    @property
    def expires_at(self) -> datetime:
        """End of the first leases and of the spot requests, UTC."""
        return self.started_at + timedelta(seconds=self.deadline + self.margin)

    def to_xcom(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "job_id": self.identity.job_id,
            "execution_id": self.identity.execution_id,
            "uid": self.identity.uid,
            "bucket": self.identity.bucket,
            "generation": self.generation,
            "started_at": self.started_at.isoformat(),
            "deadline": self.deadline,
            "margin": self.margin,
            "boot_timeout": self.boot_timeout,
            "region": self.region,
        }

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any] | str | None) -> RunContext:
        """Read what :meth:`to_xcom` gave.

        :param value: that, or its JSON text.
        :raises HadsError: there is no run, since ``open_run`` has not ended well.
        """
        known: Mapping[str, Any] | None = json.loads(value) if isinstance(value, str) else value
        if not known:
            raise HadsError("There is no run: open_run has not handed one on. See its log.")
        identity = RunIdentity(known["job_id"], known["execution_id"], known["uid"], known["bucket"])
        return cls(
            identity=identity,
            generation=known["generation"],
            started_at=datetime.fromisoformat(known["started_at"]),
            deadline=known["deadline"],
            margin=known["margin"],
            boot_timeout=known["boot_timeout"],
            region=known.get("region", ""),
        )

"""How a run begins: its execution id is claimed, its inputs are copied, its clock is started."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.runtime.run_context import RunContext

if TYPE_CHECKING:
    from airflow_provider_hads.inputs import JobInputs

__all__ = ["Opening", "open_run", "run_uid"]


@dataclass(frozen=True)
class Opening:
    """What Airflow says about the run that is to be opened.

    :param generation: how often the run has been cleared.
    :param run_after: UTC; tells a run from an earlier, deleted one of the same id.
    :param deadline: seconds from the run's start.
    :param boot_timeout: seconds from a VM's launch to its runner's first answer.
    :param margin: seconds after the deadline until leases end and the run gives up.
    """

    dag_id: str
    run_id: str
    generation: int
    run_after: datetime
    deadline: float
    boot_timeout: float
    margin: float


def run_uid(bucket: str, opening: Opening) -> str:
    """Return the run's uid: the same for every try of the same Airflow run, another for any other."""
    text = "\n".join([bucket, opening.dag_id, opening.run_id, opening.run_after.isoformat()])
    return hashlib.sha256(text.encode()).hexdigest()[:32]

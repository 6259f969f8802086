"""How a run begins: its execution id is claimed, its inputs are copied, its clock is started."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.inputs import parse_job, settings_to_json
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.job import Job
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.runtime.settings_copy import without_credentials
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.executions import claim_execution
from airflow_provider_hads.storage.inputs import FileToStage, stage_files, write_inputs
from airflow_provider_hads.storage.layout import RunLayout

if TYPE_CHECKING:
    from airflow_provider_hads.inputs import JobInputs

__all__ = ["SETTINGS_COPY", "OpenedRun", "Opening", "open_run", "run_uid"]

log = logging.getLogger(__name__)

SETTINGS_COPY = "settings.json"
"""Name of the copy of the resolved settings: ``$VARS`` mean what they meant when the run was opened."""

SETTINGS_FILE = "setup.cfg"
JOB_FILE = "job.json"


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


@dataclass(frozen=True)
class OpenedRun:
    """A run that is open.

    :param job: as the run's own copy of the job's files has it.
    """

    context: RunContext
    job: Job


def open_run(inputs: JobInputs, opening: Opening, *, aws_conn_id: str, now: datetime) -> OpenedRun:
    """Open a run; a second call for the same Airflow run finds what the first has left, and changes nothing.

    :param inputs: the job's files.
    :param aws_conn_id: connection for S3.
    :param now: UTC; the run's t = 0, unless an earlier try has set it.
    :raises InputError: no bucket is named, or the first call was for a job of another id.
    :raises StorageError: the bucket can't be read or written.
    """
    bucket = Bucket.connect(aws_conn_id, _bucket_name(inputs), inputs.settings.ec2.region)
    uid = run_uid(bucket.name, opening)
    details = {"dag_id": opening.dag_id, "run_id": opening.run_id}
    execution_id = claim_execution(bucket, inputs.job.id, uid, details)
    identity = RunIdentity(inputs.job.id, execution_id, uid, bucket.name)
    layout = RunLayout(identity.name)
    started_at = _start(bucket, layout, opening.generation, now)
    contents = _contents(inputs)
    copied = write_inputs(bucket, layout, contents)
    _tell_changes(copied, contents)
    stage_files(bucket, layout, _files_to_stage(inputs))
    context = RunContext(
        identity=identity,
        generation=opening.generation,
        started_at=started_at,
        deadline=opening.deadline,
        margin=opening.margin,
        boot_timeout=opening.boot_timeout,
        region=inputs.settings.ec2.region or "",
    )
    return OpenedRun(context, parse_job(copied[JOB_FILE].decode(), JOB_FILE))


def run_uid(bucket: str, opening: Opening) -> str:
    """Return the run's uid: the same for every try of the same Airflow run, another for any other."""
    text = "\n".join([bucket, opening.dag_id, opening.run_id, opening.run_after.isoformat()])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _bucket_name(inputs: JobInputs) -> str:
    name = inputs.settings.ec2.bucket_name or read_configuration().bucket
    if not name:
        problem = "no bucket is named; set it here, or [hads] bucket in Airflow's configuration"
        raise InputError("setup.cfg", "ec2.bucket_name", problem)
    return name


def _start(bucket: Bucket, layout: RunLayout, generation: int, now: datetime) -> datetime:
    key = layout.start(generation)
    if bucket.put_if_absent(key, json.dumps({"started_at": now.isoformat()}).encode()):
        return now
    return datetime.fromisoformat(json.loads(bucket.get(key))["started_at"])


def _contents(inputs: JobInputs) -> dict[str, bytes]:
    contents = {name: path.read_bytes() for name, path in inputs.files.items()}
    if SETTINGS_FILE in contents:
        contents[SETTINGS_FILE] = without_credentials(contents[SETTINGS_FILE])
    return {**contents, SETTINGS_COPY: settings_to_json(inputs.settings).encode()}


def _tell_changes(copied: Mapping[str, bytes], contents: Mapping[str, bytes]) -> None:
    """Say which files are others than those that the run began with: somebody may count on them."""
    names = sorted({*copied, *contents} - {SETTINGS_COPY})
    changed = [name for name in names if copied.get(name) != contents.get(name)]
    if changed:
        log.warning(
            "Changed since the run began: %s. It keeps to its own copy; start a new run to use the change.",
            ", ".join(changed),
        )


def _files_to_stage(inputs: JobInputs) -> dict[str, list[FileToStage]]:
    return {
        task_id: [FileToStage(file.path, file.source, file.mode) for file in files]
        for task_id, files in inputs.application_files.items()
    }

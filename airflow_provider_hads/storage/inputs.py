"""The copy of a job's inputs that a run works from, so that they can't change under it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.model.runner import StagedFile
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout

__all__ = ["FileToStage", "read_inputs", "read_staged_files", "stage_file", "stage_files", "write_inputs"]

_DIGESTS = "digests.json"
_CHUNK = 1024 * 1024
_STAGED = TypeAdapter(dict[str, tuple[StagedFile, ...]])


@dataclass(frozen=True)
class FileToStage:
    """A file here that a task needs in its work folder.

    :param path: relative to the work folder.
    :param source: where it is here.
    :param mode: permission bits.
    """

    path: str
    source: Path
    mode: int


def write_inputs(bucket: Bucket, layout: RunLayout, contents: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Copy a job's files to the run's folder; the digests are written last and make the copy complete.

    A copy that is complete is left as it is: a second try can't change a run's inputs.

    :param contents: by name (``job.json`` and so on).
    :return: the copy's contents by name.
    :raises StorageError: the bucket can't be read or written.
    """
    if bucket.find(layout.input(_DIGESTS)) is not None:
        return read_inputs(bucket, layout)
    for name, content in contents.items():
        bucket.put(layout.input(name), content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    bucket.put(layout.input(_DIGESTS), json.dumps(digests, indent=2).encode())
    return contents


def read_inputs(bucket: Bucket, layout: RunLayout) -> dict[str, bytes]:
    """Return the copies of a job's files by name.

    :raises StorageError: one is missing or not what was copied.
    """
    digests: dict[str, str] = json.loads(bucket.get(layout.input(_DIGESTS)))
    contents = {name: bucket.get(layout.input(name)) for name in digests}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != digests[name]:
            raise StorageError(
                f"s3://{bucket.name}/{layout.input(name)} was changed since the run began; start a new run"
            )
    return contents


def stage_files(bucket: Bucket, layout: RunLayout, files: Mapping[str, Sequence[FileToStage]]) -> None:
    """Upload what the tasks need, each content once, and write which task needs what.

    :param files: by task id.
    :raises StorageError: a file can't be read here, or the bucket can't be written.
    """
    if bucket.find(layout.staged_files) is not None:
        return
    uploaded: set[str] = set()
    staged: dict[str, list[dict[str, object]]] = {}
    for task_id, needed in files.items():
        staged[task_id] = [asdict(stage_file(bucket, layout, file, uploaded)) for file in needed]
    bucket.put(layout.staged_files, json.dumps(staged).encode())


def read_staged_files(bucket: Bucket, layout: RunLayout) -> dict[str, tuple[StagedFile, ...]]:
    """Return which files each task needs.

    :raises StorageError: the list is missing.
    """
    return _STAGED.validate_json(bucket.get(layout.staged_files))


def stage_file(bucket: Bucket, layout: RunLayout, file: FileToStage, uploaded: set[str]) -> StagedFile:
    """Upload one file, unless its content was.

    :param uploaded: digests of what was uploaded already; it is added to.
    :raises StorageError: the file can't be read here, or the bucket can't be written.
    """
    try:
        digest, size = _digest(file.source)
        if digest not in uploaded:
            bucket.upload(layout.content(digest), file.source)
            uploaded.add(digest)
    except OSError as error:
        raise StorageError(f"{file.source} can't be read: {error.strerror}") from error
    return StagedFile(path=file.path, sha256=digest, size=size, mode=file.mode & 0o777)


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size

"""The results of a run's tasks: uploaded by attempts, published once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from airflow_provider_hads.model.runner import ResultFile
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout

__all__ = ["Manifest", "Results"]

_READERS = 16
_COPIERS = 8


@dataclass(frozen=True)
class Manifest:
    """What publishes a task's results.

    :param attempt_id: the attempt whose results they are.
    :param files: the published files, below ``<task>/data/``.
    """

    task_id: str
    attempt_id: str
    files: tuple[ResultFile, ...]


_MANIFEST = TypeAdapter(Manifest)


class Results:
    """The results of one run."""

    def __init__(self, bucket: Bucket, layout: RunLayout) -> None:
        self._bucket = bucket
        self._layout = layout

    def publish(self, task_id: str, attempt_id: str, files: Sequence[ResultFile]) -> bool:
        """Make an attempt's results the task's.

        Three steps, each of which anyone can do again: the attempt is chosen (``If-None-Match: *``, the first
        one stays), the chosen attempt's files are copied to ``<task>/data/``, the manifest is written. So no
        other attempt's bytes ever get into ``data/``, whoever finds the manifest finds complete results, and
        what a killed controller has left half-way is completed by the next call for the task.

        :return: whether this attempt's results are the published ones.
        :raises StorageError: the bucket can't be read or written.
        """
        ours = Manifest(task_id, attempt_id, tuple(files))
        if self._bucket.put_if_absent(self._layout.choice(task_id), _dump(ours)):
            self._complete(ours)
            return True
        chosen = _MANIFEST.validate_json(self._bucket.get(self._layout.choice(task_id)))
        if self.manifest(task_id) is None:
            self._complete(chosen)
        return chosen.attempt_id == attempt_id

    def _complete(self, chosen: Manifest) -> None:
        def copy(file: ResultFile) -> None:
            source = self._layout.attempt_data(chosen.task_id, chosen.attempt_id, file.path)
            self._bucket.copy(source, self._layout.data(chosen.task_id, file.path), file.size)

        with ThreadPoolExecutor(max_workers=_COPIERS) as copiers:
            for _ in copiers.map(copy, chosen.files):
                pass  # raises what a copy has raised
        self._bucket.put_if_absent(self._layout.manifest(chosen.task_id), _dump(chosen))

    def manifest(self, task_id: str) -> Manifest | None:
        """Return a task's manifest; None while nothing is published.

        :raises StorageError: the bucket can't be read.
        """
        content = self._bucket.find(self._layout.manifest(task_id))
        return None if content is None else _MANIFEST.validate_json(content)

    def published(self, task_ids: Sequence[str]) -> Mapping[str, Manifest]:
        """Return the manifests of those tasks that have one.

        :raises StorageError: the bucket can't be read.
        """
        with ThreadPoolExecutor(max_workers=_READERS) as readers:
            found = readers.map(self.manifest, task_ids)
        return {manifest.task_id: manifest for manifest in found if manifest is not None}

    def container_log(self, task_id: str, attempt_id: str) -> str:
        """Return what an attempt's container has written, or why it is not to be had.

        :raises StorageError: the bucket can't be read.
        """
        content = self._bucket.find(self._layout.container_log(task_id, attempt_id))
        if content is None:
            return "(no log was kept of this attempt)"
        return content.decode("utf-8", "replace")

    def save_report(self, report: Mapping[str, object]) -> None:
        """Keep the run's report.

        :raises StorageError: the bucket can't be written.
        """
        self._bucket.put(self._layout.report, json.dumps(report, indent=2).encode())


def _dump(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest), indent=2).encode()

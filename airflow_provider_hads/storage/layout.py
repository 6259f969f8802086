"""Where things are in the bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["RunLayout", "execution_of", "image_key", "index_key"]

_OWN = "_hads"
"""Folder of what is the run's own; no task can be called so, since ids begin with a letter or digit."""


def image_key(image: str) -> str:
    """Return the key of a workload image's tar (``docker save``).

    :param image: name of the image, with or without registry and tag.
    """
    return f"images/{re.sub(r'[^A-Za-z0-9._-]', '_', image)}.tar"


def execution_of(job_id: str, key: str) -> int | None:
    """Return the execution id of a key below ``<job>_<execution>/``; None if it is of another job.

    :param job_id: the job's id.
    """
    match = re.match(re.escape(job_id) + r"_([0-9]+)/", key)
    return int(match.group(1)) if match else None


def index_key(uid: str) -> str:
    """Return the key of the object that tells a run's execution id by its uid."""
    return f"{_OWN}/runs/{uid}.json"


@dataclass(frozen=True)
class RunLayout:
    """The keys of one run.

    :param run: ``<job>_<execution>``.
    """

    run: str

    @property
    def claim(self) -> str:
        """The run's claim: who has this execution id."""
        return f"{self.run}/{_OWN}/run.json"

    @property
    def report(self) -> str:
        """The run's report."""
        return f"{self.run}/{_OWN}/report.json"

    def decisions(self, generation: int) -> str:
        """Return the folder of the decisions of a generation of the run, in parts."""
        return f"{self.run}/{_OWN}/decisions/{generation}/"

    @property
    def staged_files(self) -> str:
        """Which files each task needs."""
        return f"{self.run}/{_OWN}/files.json"

    def start(self, generation: int) -> str:
        """Return the key of the time at which a generation of the run has started."""
        return f"{self.run}/{_OWN}/start-{generation}.json"

    def input(self, name: str) -> str:
        """Return the key of the copy of one of the job's files."""
        return f"{self.run}/{_OWN}/inputs/{name}"

    def content(self, sha256: str) -> str:
        """Return the key of the content of a staged file, by its digest."""
        return f"{self.run}/{_OWN}/files/{sha256}"

    @property
    def tickets(self) -> str:
        """Folder of the tickets, which say which attempt of a task is on which VM."""
        return f"{self.run}/{_OWN}/tickets/"

    def ticket(self, task_id: str, number: int) -> str:
        """Return the key of the ticket of a task's attempt."""
        return f"{self.tickets}{task_id}/{number:04d}.json"

    def successor(self, instance_id: str) -> str:
        """Return the key of the object that says which VM has taken over from another one."""
        return f"{self.run}/{_OWN}/successors/{instance_id}.json"

    def choice(self, task_id: str) -> str:
        """Return the key of the object that says which attempt's results are to be published."""
        return f"{self.run}/{_OWN}/chosen/{task_id}.json"

    def manifest(self, task_id: str) -> str:
        """Return the key of the object that publishes a task's results."""
        return f"{self.run}/{task_id}/manifest.json"

    def data(self, task_id: str, path: str) -> str:
        """Return the key of a published result."""
        return f"{self.run}/{task_id}/data/{path}"

    def attempt_data(self, task_id: str, attempt_id: str, path: str) -> str:
        """Return the key of a result as an attempt has left it."""
        return f"{self.run}/{task_id}/attempts/{attempt_id}/data/{path}"

    def container_log(self, task_id: str, attempt_id: str) -> str:
        """Return the key of what an attempt's container has written to standard output and error."""
        return f"{self.run}/{task_id}/attempts/{attempt_id}/container.log"

"""What is to be done: a bag of independent tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Job", "Task"]


@dataclass(frozen=True)
class Task:
    """One command, run in a container.

    :param id: unique within the job, a safe name.
    :param command: shell command line, run in the container's work folder.
    :param memory: MB the task needs.
    :param runtimes: expected seconds by instance type; a type without one can't run the task.
    :param io: the inputs' ``io`` figure, kept as it is.
    """

    id: str
    command: str
    memory: float
    runtimes: Mapping[str, float]
    io: float = 0.0

    def runtime(self, instance_type: str) -> float:
        """Return the expected seconds on that type.

        :raises KeyError: the task has no estimate for the type.
        """
        return self.runtimes[instance_type]


@dataclass(frozen=True)
class Job:
    """A bag of independent tasks.

    :param id: a safe name.
    :param tasks: by id, in the order of the file.
    """

    id: str
    name: str
    tasks: Mapping[str, Task]
    description: str = ""

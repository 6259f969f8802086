"""``job.json``: the bag of tasks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from airflow_provider_hads.inputs.document import shown
from airflow_provider_hads.inputs.validation import (
    SAFE_NAME_RULE,
    Amount,
    Document,
    PositiveAmount,
    SafeName,
    read_document,
)
from airflow_provider_hads.model import Job, Task, is_safe_name

__all__ = ["JobId", "parse_job"]


def _job_id(value: object) -> object:
    """Take whole numbers as the original's files have them, and names."""
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(name, str) or not is_safe_name(name):
        raise ValueError(f"{shown(value)} can't be used as an id: {SAFE_NAME_RULE}")
    return name


def _command(command: str) -> str:
    if not command.strip() or "\0" in command:
        raise ValueError(f"{shown(command)} is no command; write a shell command line")
    return command


LONGEST_TASK_ID = 48

JobId = Annotated[str, BeforeValidator(_job_id)]


def _task_id(name: str) -> str:
    """Leave room for what makes an attempt's id of it."""
    if len(name) > LONGEST_TASK_ID:
        raise ValueError(
            f"{shown(name)} is too long for a task's id: use at most {LONGEST_TASK_ID} characters"
        )
    return name


TaskId = Annotated[SafeName, AfterValidator(_task_id)]


class _TaskDocument(Document):
    memory: PositiveAmount
    command: Annotated[str, AfterValidator(_command)]
    runtime: dict[SafeName, PositiveAmount]
    io: Amount = 0.0


def _some_tasks(tasks: dict[str, _TaskDocument]) -> dict[str, _TaskDocument]:
    if not tasks:
        raise ValueError("there are no tasks; a job needs at least one")
    return tasks


class _JobDocument(Document):
    job_id: JobId
    job_name: str = ""
    description: str = ""
    tasks: Annotated[dict[TaskId, _TaskDocument], AfterValidator(_some_tasks)]


def parse_job(text: str, file: str) -> Job:
    """Read a ``job.json``.

    A task's runtimes may name instance types that no environment has: they are kept.

    :param text: content of the file.
    :param file: its name, for messages.
    :raises InputErrors: all that is wrong with it.
    """
    document = read_document(_JobDocument, text, file)
    tasks = {task_id: _task(task_id, task) for task_id, task in document.tasks.items()}
    return Job(document.job_id, document.job_name or document.job_id, tasks, document.description)


def _task(task_id: str, document: _TaskDocument) -> Task:
    return Task(
        id=task_id,
        command=document.command,
        memory=document.memory,
        runtimes=document.runtime,
        io=document.io,
    )

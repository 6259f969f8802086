"""The first task of a run: it claims an execution id, copies the inputs and starts the clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.sdk.configuration import conf

from airflow_provider_hads.configuration import LONGEST_DEADLINE
from airflow_provider_hads.operators.failures import no_retry

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.inputs import JobInputs
    from airflow_provider_hads.runtime.opening import OpenedRun

__all__ = ["RUN_KEY", "OpenRunOperator"]

RUN_KEY = "run"
"""XCom key of the run, as :class:`~airflow_provider_hads.runtime.run_context.RunContext` writes it."""

MAX_WATCHERS = 500
"""A job of more tasks gets one watcher for each block of tasks."""


class OpenRunOperator(BaseOperator):
    """
    Open a run of a job.

    It reads the job's folder, claims the next execution id in the bucket, and copies job, env, map and
    cfg with their digests, and the tasks' files, to ``<job>_<execution>/`` there. All later tasks read
    that copy, so that inputs can't change under a run. The deadline counts from this task's first start.

    It leaves nothing that costs money, and does nothing twice: a second try finds its own claim and its own
    copy, and warns where the files are others now.

    It returns the task ids in blocks, one for each watcher; the run itself is the XCom ``run``.

    :param job_folder: folder with ``job.json``, ``env.json`` and so on. (templated)
    :param deadline_seconds: seconds from the run's start; empty takes ``setup.cfg``'s, then the map's.
        (templated)
    :param boot_timeout: seconds from a VM's launch to its runner's first answer. (templated)
    :param margin: seconds after the deadline until leases end and the run gives up. (templated)
    :param sequential: plan and run one task a VM at a time; None leaves it to ``setup.cfg``. (templated)
    :param aws_conn_id: connection for S3. (templated)
    """

    template_fields: Sequence[str] = (
        "job_folder",
        "deadline_seconds",
        "boot_timeout",
        "margin",
        "sequential",
        "aws_conn_id",
    )
    ui_color = "#e8f0d8"

    def __init__(
        self,
        *,
        job_folder: str,
        deadline_seconds: str | float | None = None,
        boot_timeout: str | float = 300.0,
        margin: str | float = 600.0,
        sequential: str | bool | None = None,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_folder = job_folder
        self.deadline_seconds = deadline_seconds
        self.boot_timeout = boot_timeout
        self.margin = margin
        self.sequential = sequential
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[list[str]]:
        """Open the run, or find the one that an earlier try has opened."""
        with no_retry():
            inputs = self.read_inputs()
            opened = self._open(context, inputs)
        run, job = opened.context, opened.job
        self.log.info(
            "Run %s of job %s (%s): %d tasks, deadline %.0f s after %s, bucket %s",
            run.identity.name,
            job.id,
            job.name,
            len(job.tasks),
            run.deadline,
            run.started_at.strftime("%H:%M:%S UTC"),
            run.identity.bucket,
        )
        context["ti"].xcom_push(key=RUN_KEY, value=run.to_xcom())
        most = conf.getint("core", "max_map_length", fallback=1024)
        return blocks(list(job.tasks), min(MAX_WATCHERS, most))

    def read_inputs(self) -> JobInputs:
        """Read the job's folder, with what the run has chosen otherwise.

        :raises InputErrors: all that is wrong with it.
        """
        from airflow_provider_hads.inputs import load_job_folder
        from airflow_provider_hads.planning import planner_names

        inputs = load_job_folder(Path(self.job_folder), planners=planner_names())
        for note in inputs.notes:
            self.log.info("Note: %s", note)
        return inputs if self.sequential is None else _run_sequentially(inputs, self.sequential)

    def _open(self, context: Context, inputs: JobInputs) -> OpenedRun:
        from airflow_provider_hads.runtime.opening import Opening, open_run

        dag_run = context["dag_run"]
        return open_run(
            inputs,
            Opening(
                dag_id=dag_run.dag_id,
                run_id=dag_run.run_id,
                generation=dag_run.clear_number or 0,
                run_after=dag_run.run_after,
                deadline=_seconds("deadline_seconds", self.deadline_seconds, inputs.deadline),
                boot_timeout=_seconds("boot_timeout", self.boot_timeout, None),
                margin=_seconds("margin", self.margin, None),
            ),
            aws_conn_id=self.aws_conn_id,
            now=timezone.utcnow(),
        )


def blocks(task_ids: list[str], most: int = MAX_WATCHERS) -> list[list[str]]:
    """Return the ids in at most ``most`` blocks of equal size, in their order."""
    size = math.ceil(len(task_ids) / most)
    return [task_ids[start : start + size] for start in range(0, len(task_ids), size)]


def _run_sequentially(inputs: JobInputs, sequential: str | bool) -> JobInputs:
    """Return the inputs with the choice in their settings: from there planner and VMs know it."""
    parallel = str(sequential).lower() != "true"
    scheduler = replace(inputs.settings.scheduler, allow_parallel_execution=parallel)
    return replace(inputs, settings=replace(inputs.settings, scheduler=scheduler))


def _seconds(name: str, given: str | float | None, default: float | None) -> float:
    from airflow_provider_hads.exceptions import InputError

    if given in (None, "", "None"):
        given = default
    try:
        seconds = float(given) if given is not None else math.nan
    except ValueError:
        seconds = math.nan
    if 0 < seconds <= LONGEST_DEADLINE:
        return seconds
    expected = f"no positive number of seconds, {LONGEST_DEADLINE:g} at most"
    problem = f"{given!r} is {expected}" if given is not None else "no value is given"
    raise InputError("DAG params", name, f"{problem}; set it in the trigger form or in setup.cfg")

"""One DAG for each job folder."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, TriggerRule, XComArg, get_parsing_context, task_group
from airflow.sdk.configuration import conf

from airflow_provider_hads.configuration import (
    LONGEST_BOOT_TIMEOUT,
    LONGEST_DEADLINE,
    LONGEST_MARGIN,
    SHORTEST_BOOT_TIMEOUT,
    SHORTEST_MARGIN,
    Configuration,
    read_configuration,
)
from airflow_provider_hads.dag_params import PLAN_TEMPLATES, plan_params, policy_params
from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.notifications import NotifierChoice, deadline_alert, read_notifiers
from airflow_provider_hads.operators.deploy import DeployOperator
from airflow_provider_hads.operators.launched import LaunchedOperator
from airflow_provider_hads.operators.open_run import RUN_KEY, OpenRunOperator
from airflow_provider_hads.operators.provision import ProvisionOperator
from airflow_provider_hads.operators.report import ReportOperator
from airflow_provider_hads.operators.schedule import PLAN_KEY, ScheduleOperator
from airflow_provider_hads.operators.terminate import TerminateOperator
from airflow_provider_hads.sensors.alerting_supervise import AlertingSuperviseSensor
from airflow_provider_hads.sensors.job_task import JobTaskSensor
from airflow_provider_hads.sensors.supervise import SUPERVISE_RETRIES, SuperviseSensor
from airflow_provider_hads.triggers.producer import SNAPSHOT_KEY

if TYPE_CHECKING:
    from airflow_provider_hads.inputs import JobInputs

__all__ = ["build_job_dag", "build_job_dags", "dag_id_of"]

log = logging.getLogger(__name__)

Options = dict[str, Any]
"""Arguments that several operators share."""

_LONGEST_NAME = 200
_MOST_ERRORS = 50
_OF_THE_FILE_SYSTEM = "lost+found"
_DAG_ID = re.compile(rf"[A-Za-z0-9_.-]{{1,{_LONGEST_NAME}}}")

JOB_FILES = ("job.json", "env.json", "setup.cfg")
"""A folder with one of them is meant to be a job's, even if others are missing or have other names."""

LIFECYCLE: Options = {"priority_weight": 1000, "weight_rule": "absolute"}
"""Of the tasks that keep a run going; the watchers have weight 1."""


def build_job_dags(
    jobs_folder: str | Path | None = None, *, notifiers: Sequence[NotifierChoice] | None = None
) -> Iterator[DAG]:
    """Yield one DAG for each folder with a ``job.json`` or an ``env.json`` in the jobs folder.

    A folder with errors in its files yields a DAG too: its documentation and its first task tell what is
    wrong. Whatever is wrong with one folder, the others have their DAGs.

    A worker gets the DAG of its own task only, so that a task's start takes no longer where there are many
    jobs.

    :param jobs_folder: None takes ``[hads] jobs_folder``; where that is empty there are no jobs.
    :param notifiers: tell people how runs go; None takes ``[hads] notifiers``.
    :raises InputError: there is no such folder, it or ``[hads] notifiers`` can't be read.
    """
    given = jobs_folder or read_configuration().jobs_folder
    if not given:
        return
    folder = Path(os.path.expanduser(given))
    wanted = get_parsing_context().dag_id
    for job_folder in _job_folders(folder):
        if wanted in (None, dag_id_of(job_folder)):
            yield build_job_dag(job_folder, notifiers=notifiers)


def _job_folders(folder: Path) -> list[Path]:
    """Return the folders that have a job's files, or may have them: into some one can't look.

    :raises InputError: the folder is not there, or can't be read: no DAG would appear, and nobody learn why.
    """
    if not os.path.isdir(folder):
        raise InputError(str(folder), "", "there is no such folder; make it, or set [hads] jobs_folder")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(str(folder), "", "it can't be read: no permission; give Airflow's user the right to")
    named = {file.parent for name in JOB_FILES for file in folder.glob(f"[!.]*/{name}")}
    closed = {one for one in folder.glob("[!.]*") if one.is_dir() and not os.access(one, os.X_OK)}
    return sorted(named | {one for one in closed if one.name != _OF_THE_FILE_SYSTEM})


def dag_id_of(job_folder: Path) -> str:
    """Return the folder's name or, where that can't be a DAG's id, one like it that no other folder has."""
    name = job_folder.name
    if _DAG_ID.fullmatch(name):
        return name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:_LONGEST_NAME]}-{digest}"


def build_job_dag(
    job_folder: str | Path,
    *,
    dag_id: str | None = None,
    deferrable: bool | None = None,
    notifiers: Sequence[NotifierChoice] | None = None,
) -> DAG:
    """Return the DAG of one job.

    :param job_folder: folder with ``job.json`` and ``env.json``, and optionally ``map.json`` and
        ``setup.cfg``.
    :param dag_id: None takes the folder's name, as :func:`dag_id_of` gives it.
    :param deferrable: whether the watchers wait in the triggerer; None takes
        ``[operators] default_deferrable``.
    :param notifiers: tell people of a deadline that has come or can't be met, and of the run's end; None
        takes ``[hads] notifiers``.
    :raises InputError: ``[hads] notifiers`` can't be read.
    """
    folder = Path(os.path.abspath(job_folder))  # a link keeps its own name
    configuration = read_configuration()
    told = read_notifiers(configuration.notifiers) if notifiers is None else tuple(notifiers)
    dag = _dag_of_folder(folder, partial(_dag_without_tasks, folder, dag_id or dag_id_of(folder), told))
    if deferrable is None:
        deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
    with dag:
        _add_tasks(folder, configuration, deferrable, told)
    return dag


def _dag_of_folder(folder: Path, dag_of: Callable[[JobInputs | None, str], DAG]) -> DAG:
    """Return the DAG of the folder's files or, whatever is wrong with them, the one that tells it."""
    from airflow_provider_hads.inputs import load_job_folder

    name = _as_text(folder)
    try:
        if name != str(folder):  # Airflow could store none of the file's DAGs
            raise InputErrors([InputError(name, "", "its name is no UTF-8 text; rename it")])
        return dag_of(load_job_folder(folder), "")
    except InputErrors as error:
        errors = _first_lines(str(error))
        log.warning("Job folder %s: %s", name, errors)
    except Exception as error:  # passed on, it would cost all other jobs their DAGs
        log.exception("Job folder %s can't be used", name)
        errors = f"{name}: it can't be used: {type(error).__name__}: {error}"
    return dag_of(None, errors)


def _first_lines(errors: str) -> str:
    """Return as many errors as can be read; the DAG with all those of a large job could hardly be stored."""
    lines = errors.splitlines()
    more = [f"... and {len(lines) - _MOST_ERRORS} more"] if len(lines) > _MOST_ERRORS else []
    return "\n".join([*lines[:_MOST_ERRORS], *more])


def _as_text(folder: Path) -> str:
    """Return a path as text that can be stored: bytes that are no UTF-8 are escaped."""
    return os.fsencode(folder).decode("utf-8", "backslashreplace")


def _dag_without_tasks(
    folder: Path, dag_id: str, notifiers: Sequence[NotifierChoice], inputs: JobInputs | None, errors: str
) -> DAG:
    return DAG(
        dag_id=dag_id,
        description=inputs.job.description if inputs else "This job's files have errors.",
        doc_md=_documentation(folder, inputs, errors),
        schedule=None,
        catchup=False,
        params=_params(inputs),
        max_active_tasks=64,
        tags=["hads"] if inputs else ["hads", "errors"],
        default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
        deadline=deadline_alert(notifiers, inputs.deadline if inputs else None),
    )


def _documentation(folder: Path, inputs: JobInputs | None, errors: str) -> str:
    if inputs is None:
        lines = "\n".join(f"    {line}" for line in errors.splitlines())
        return f"The files in `{_as_text(folder)}` have errors:\n\n{lines}\n"
    notes = "".join(f"\n- {note}" for note in inputs.notes)
    return (
        f"**{inputs.job.name}** (job `{inputs.job.id}`): {len(inputs.job.tasks)} tasks from `{folder}`.\n\n"
        f"{inputs.job.description}\n{notes}"
    )


def _params(inputs: JobInputs | None) -> dict[str, Param]:
    deadline = inputs.deadline if inputs else None
    return {
        "deadline_seconds": Param(
            deadline,
            type="number" if deadline is not None else ["null", "number"],
            exclusiveMinimum=0,
            maximum=LONGEST_DEADLINE,
            title="Deadline",
            description_md="Seconds from the run's start by which every task is to have ended.",
        ),
        **policy_params(inputs),
        **plan_params(inputs),
        "boot_timeout": Param(
            read_configuration().boot_timeout,
            type="number",
            minimum=SHORTEST_BOOT_TIMEOUT,
            maximum=LONGEST_BOOT_TIMEOUT,
            title="Boot time-out",
            description_md="Seconds from a VM's launch to its runner's first answer; later it is given up.",
            section="Advanced",
        ),
        "margin": Param(
            read_configuration().margin,
            type="number",
            minimum=SHORTEST_MARGIN,
            maximum=LONGEST_MARGIN,
            title="Margin",
            description_md="Seconds after the deadline until leases end and the run gives up.",
            section="Advanced",
        ),
    }


def _add_tasks(
    folder: Path, configuration: Configuration, deferrable: bool, notifiers: Sequence[NotifierChoice]
) -> None:
    common: Options = {"aws_conn_id": configuration.aws_conn_id}
    lifecycle: Options = {**common, **LIFECYCLE}
    speaking: Options = {**lifecycle, "ssh_conn_id": configuration.ssh_conn_id}

    open_run = _open_run(folder, lifecycle)
    run = XComArg(open_run, key=RUN_KEY)
    schedule = ScheduleOperator(task_id="schedule", run=run, **PLAN_TEMPLATES, **lifecycle)
    vms, deploy = _vms(run, schedule, speaking)
    supervise = _supervise(schedule, deploy, {**speaking, "notifiers": notifiers})
    launched = LaunchedOperator(
        task_id="launched",
        task_ids=_published("open_run", "return_value"),
        trigger_rule=TriggerRule.ALL_DONE,
        **LIFECYCLE,
    )
    watchers = _watchers(launched, deferrable, common)
    terminate = TerminateOperator(task_id="terminate", run=run, retries=5, **lifecycle)
    report = ReportOperator(
        task_id="report",
        run=run,
        snapshot=_published("supervise", SNAPSHOT_KEY),
        figures=_published("schedule", PLAN_KEY),
        fleet=terminate.output,
        notifiers=notifiers,
        **lifecycle,
    )

    # The watchers look while supervise works. They come after it nevertheless, by a rule that does not wait
    # for it, so that who clears it, with what comes after it, clears them as well. What they are mapped over
    # has ended before it begins: as soon as one of the two has, that is looked at.
    schedule >> vms >> launched >> supervise >> watchers
    supervise >> terminate.as_teardown(setups=open_run)
    # A run's state is that of its leaves: the watchers, and the report, which fails where supervise has not
    # succeeded: what has not begun is skipped when a run is marked failed, and counts as done.
    terminate >> report.as_teardown(on_failure_fail_dagrun=True)


def _open_run(folder: Path, options: Options) -> OpenRunOperator:
    open_run = OpenRunOperator(
        task_id="open_run",
        job_folder=_as_text(folder),
        deadline_seconds="{{ params.deadline_seconds }}",
        boot_timeout="{{ params.boot_timeout }}",
        margin="{{ params.margin }}",
        sequential="{{ params.sequential }}",
        **options,
    )
    open_run.as_setup()
    return open_run


def _vms(run: XComArg, schedule: ScheduleOperator, options: Options) -> tuple[Any, DeployOperator]:
    """Return the mapped group of tasks, one instance a VM, and the task that it ends with."""
    deployments: list[DeployOperator] = []

    @task_group(group_id="vm")
    def vm_group(vm: Any) -> None:
        named: Options = {"map_index_template": "{{ task.vm['id'] }}", **options}
        provision = ProvisionOperator(task_id="provision", run=run, vm=vm, **named)
        deployments.append(
            DeployOperator(task_id="deploy", run=run, vm=vm, launched=provision.output, **named)
        )

    return vm_group.expand(vm=schedule.output), deployments[0]


def _supervise(schedule: ScheduleOperator, deploy: DeployOperator, options: Options) -> SuperviseSensor:
    return AlertingSuperviseSensor(
        task_id="supervise",
        # A reference would make the setup a direct upstream, and allow no trigger rule but all_success.
        run=_published("open_run", RUN_KEY),
        vms=schedule.output,
        deployments=deploy.output,
        figures=_published("schedule", PLAN_KEY),
        policy="{{ params.policy }}",
        allocation_cycle="{{ params.allocation_cycle }}",
        hibernation_rate="{{ params.hibernation_rate }}",
        resume_rate="{{ params.resume_rate }}",
        trigger_rule=TriggerRule.ALL_DONE,
        retries=SUPERVISE_RETRIES,  # the DAG's default_args win over the sensor's own default
        **options,
    )


def _watchers(launched: LaunchedOperator, deferrable: bool, options: Options) -> Any:
    return JobTaskSensor.partial(
        task_id="task",
        run=_published("open_run", RUN_KEY),
        supervise_task_id="supervise",
        deferrable=deferrable,
        priority_weight=1,
        weight_rule="absolute",
        map_index_template="{{ task.task_ids | join(', ') }}",
        trigger_rule=TriggerRule.ONE_DONE,
        **options,
    ).expand(task_ids=launched.output)


def _published(task_id: str, key: str) -> str:
    """Return a template that gives an XCom as JSON, null where there is none; a reference would fail."""
    return f"{{{{ ti.xcom_pull(task_ids='{task_id}', key='{key}') | tojson }}}}"

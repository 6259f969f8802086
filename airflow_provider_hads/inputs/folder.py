"""A job's folder: its files read, checked alone and against each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.inputs.application_files import ApplicationFile, find_application_files
from airflow_provider_hads.inputs.environment_file import parse_environment
from airflow_provider_hads.inputs.job_checks import job_problems
from airflow_provider_hads.inputs.job_file import parse_job
from airflow_provider_hads.inputs.map_file import check_map_alone, parse_map
from airflow_provider_hads.inputs.plan_checks import plan_notes, runs_in_parallel
from airflow_provider_hads.inputs.settings_file import parse_settings
from airflow_provider_hads.inputs.text_file import read_text
from airflow_provider_hads.model import Environment, Job, Plan
from airflow_provider_hads.model.settings import SchedulerSettings, Settings
from airflow_provider_hads.planning.registry import planner_names

__all__ = ["JobInputs", "load_job_folder"]

SETTINGS_FILE = "setup.cfg"
_PLANNING_KEYS = ("name", "alpha", "burstable_factor", "max_iteration")
_DEFAULT_APPLICATION_FOLDER = "app"
_NO_APPLICATION_FOLDER = "is no folder; it must hold <task id>/data/ for each task that needs files"

Read = TypeVar("Read")


@dataclass(frozen=True)
class JobInputs:
    """All that a job's files say.

    :param folder: where the job's files are (``[input] path`` may name another folder than the given one).
    :param plan: the given map; None where the planner has to make one.
    :param settings: with absolute paths.
    :param notes: what the user should know, one line each.
    :param files: where each file was found, by the name of its copy: ``job.json``, ``env.json``,
        ``map.json``, ``setup.cfg``; the last two only where they exist.
    :param deadline: seconds from the run's start; None where no file gives one.
    :param deadline_source: the file and key that give it; empty where none does.
    :param application_files: by task id, for tasks that have any.
    """

    folder: Path
    job: Job
    environment: Environment
    plan: Plan | None
    settings: Settings
    notes: tuple[str, ...]
    files: Mapping[str, Path]
    deadline: float | None
    deadline_source: str
    application_files: Mapping[str, tuple[ApplicationFile, ...]]


class _Reader:
    """Reads and parses files one after the other, and keeps all that is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.errors: list[InputError] = []
        self.notes: list[str] = []
        self.files: dict[str, Path] = {}

    def name_of(self, path: Path) -> str:
        """Return a file's name for messages: short where it lies in the job's folder."""
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)

    def read(self, kind: str, path: Path, parse: Callable[[str, str], Read]) -> Read | None:
        """Return what the file says, or None after noting its errors."""
        name = self.name_of(path)
        self.files[kind] = path
        return self.attempt(lambda: parse(read_text(path, name), name))

    def attempt(self, work: Callable[[], Read]) -> Read | None:
        """Return what the work gives, or None after noting its errors."""
        try:
            return work()
        except InputErrors as error:
            self.errors.extend(error.errors)
        except InputError as error:
            self.errors.append(error)
        return None


def load_job_folder(
    folder: Path,
    *,
    job_file: str | None = None,
    env_file: str | None = None,
    map_file: str | None = None,
    environ: Mapping[str, str] = os.environ,
    planners: Collection[str] | None = None,
    with_application_files: bool = True,
    with_map: bool = True,
) -> JobInputs:
    """Read a job's folder.

    :param folder: holds ``setup.cfg``, or else the job's files themselves.
    :param job_file: name of the job's file, relative to the folder of the job's files; overrides setup.cfg.
    :param env_file: the same for the environment.
    :param map_file: the same for the map, which must exist if it is named here.
    :param environ: the environment variables that setup.cfg may use.
    :param planners: names of the planners to be had; None is all that are registered.
    :param with_application_files: also look for the files that the tasks need.
    :param with_map: also read the map, if there is one.
    :raises InputErrors: all that is wrong, in all files.
    """
    reader = _Reader(_existing_folder(folder))
    settings = _read_settings(reader, environ)
    reader.folder = Path(settings.input.path or reader.folder)
    names = settings.input
    job = reader.read("job.json", reader.folder / (job_file or names.job_file), parse_job)
    environment = reader.read("env.json", reader.folder / (env_file or names.env_file), parse_environment)
    plan = _read_map(reader, job, environment, settings, map_file) if with_map else None
    if job is None or environment is None:
        raise InputErrors(reader.errors)
    _check_job(reader, job, environment)
    _check_planner(reader, settings, planner_names() if planners is None else planners)
    files = _application_files(reader, job, settings) if with_application_files else {}
    if reader.errors:
        raise InputErrors(reader.errors)
    return _job_inputs(reader, job, environment, settings, plan, files)


def _existing_folder(folder: Path) -> Path:
    path = Path(os.path.abspath(os.path.expanduser(folder)))
    problem = _problem_of_folder(path)
    if problem:
        raise InputErrors([InputError(str(folder), "", problem)])
    return path


def _problem_of_folder(path: Path) -> str:
    remedy = "name a folder with job.json and env.json"
    if not os.path.isdir(path):
        return f"{'it is not a folder' if os.path.exists(path) else 'there is no such folder'}; {remedy}"
    if not os.access(path, os.X_OK):
        return "it can't be entered: no permission; give this user the right to"
    return ""


def _read_settings(reader: _Reader, environ: Mapping[str, str]) -> Settings:
    """Return the settings; where they are wrong, the defaults, to find the other files' errors with them."""
    path = reader.folder / SETTINGS_FILE
    if not os.path.lexists(path):
        return Settings()
    settings = reader.read(SETTINGS_FILE, path, lambda text, name: parse_settings(text, name, environ))
    if settings is None:
        if not os.path.lexists(reader.folder / Settings().input.job_file):
            raise InputErrors(reader.errors)
        return Settings()
    reader.notes.extend(settings.notes)
    return _with_absolute_paths(settings, reader.folder)


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    def absolute(path: str | None) -> str | None:
        return None if path is None else os.path.normpath(folder / os.path.expanduser(path))

    application, communication = settings.application, settings.communication
    return replace(
        settings,
        input=replace(settings.input, path=absolute(settings.input.path)),
        application=replace(application, app_local_path=absolute(application.app_local_path)),
        communication=replace(communication, key_path=absolute(communication.key_path)),
    )


def _check_job(reader: _Reader, job: Job, environment: Environment) -> None:
    name = reader.name_of(reader.files["job.json"])
    reader.errors.extend(
        InputError(name, field, problem) for field, problem in job_problems(job, environment)
    )


def _read_map(
    reader: _Reader, job: Job | None, environment: Environment | None, settings: Settings, named: str | None
) -> Plan | None:
    path = reader.folder / (named or settings.input.map_file)
    if named is None and not os.path.lexists(path):
        if settings.input.map_file != Settings().input.map_file:
            missing = f"there is no {reader.name_of(path)}; a plan is made instead"
            reader.notes.append(f"{SETTINGS_FILE}: [input] map_file: {missing}")
        return None
    if job is None or environment is None:
        reader.read("map.json", path, check_map_alone)
        return None
    deadline = settings.input.deadline_seconds
    plan = reader.read(
        "map.json", path, lambda text, name: parse_map(text, name, job, environment, deadline=deadline)
    )
    if plan is not None:
        _note_oddities(reader, plan, environment, settings)
    return plan


def _note_oddities(reader: _Reader, plan: Plan, environment: Environment, settings: Settings) -> None:
    name = reader.name_of(reader.files["map.json"])
    ec2 = settings.ec2
    odd = plan_notes(plan, environment, ec2.vcpu_limits, ec2.boot_overhead)
    reader.notes.extend(f"{name}: {note}" for note in odd)
    unread = [key for key in _PLANNING_KEYS if _differs(settings.scheduler, key)]
    if unread:
        only = f"{name} is followed, unless the DAG param use_map is switched off"
        reader.notes.append(f"{SETTINGS_FILE}: [scheduler] {', '.join(unread)}: no effect: {only}")
    if not settings.scheduler.allow_parallel_execution and any(runs_in_parallel(vm) for vm in plan.vms):
        reader.notes.append(f"{name}: tasks run at once by plan, but allow_parallel_execution is no")


def _differs(scheduler: SchedulerSettings, key: str) -> bool:
    """Say whether a key has another value than it has by default."""
    return bool(getattr(scheduler, key) != getattr(SchedulerSettings(), key))


def _check_planner(reader: _Reader, settings: Settings, available: Collection[str]) -> None:
    name = settings.scheduler.name
    if name not in available and "map.json" not in reader.files:
        missing = f"the planner '{name}' is not available yet"
        remedy = f"use {' or '.join(available)}, or give a map.json"
        reader.errors.append(InputError(SETTINGS_FILE, "scheduler.name", f"{missing}; {remedy}"))


def _application_files(
    reader: _Reader, job: Job, settings: Settings
) -> Mapping[str, tuple[ApplicationFile, ...]]:
    named = settings.application.app_local_path
    folder = Path(named or reader.folder / _DEFAULT_APPLICATION_FOLDER)
    if not os.path.isdir(folder):
        if named is not None:
            problem = f"{named} {_NO_APPLICATION_FOLDER}"
            reader.errors.append(InputError(SETTINGS_FILE, "application.app_local_path", problem))
        elif os.path.lexists(folder):
            problem = f"it {_NO_APPLICATION_FOLDER}; rename it if it is something else"
            reader.errors.append(InputError(reader.name_of(folder), "", problem))
        return {}
    found = reader.attempt(lambda: find_application_files(folder, job.tasks))
    if found is None:
        return {}
    files, notes = found
    reader.notes.extend(notes)
    return files


def _job_inputs(
    reader: _Reader,
    job: Job,
    environment: Environment,
    settings: Settings,
    plan: Plan | None,
    files: Mapping[str, tuple[ApplicationFile, ...]],
) -> JobInputs:
    deadline, source = settings.input.deadline_seconds, f"{SETTINGS_FILE}: input.deadline_seconds"
    if deadline is None and plan is not None:
        deadline, source = plan.deadline, f"{reader.name_of(reader.files['map.json'])}: deadline"
    return JobInputs(
        folder=reader.folder,
        job=job,
        environment=environment,
        plan=plan,
        settings=settings,
        notes=tuple(reader.notes),
        files=reader.files,
        deadline=deadline,
        deadline_source="" if deadline is None else source,
        application_files=files,
    )

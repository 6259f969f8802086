"""What the generated DAG says of its tasks, before anything runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from airflow.sdk import DAG, BaseSensorOperator, TriggerRule

from airflow_provider_hads.dag_factory import build_job_dag, build_job_dags
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.inputs import JobInputs

EXAMPLE = Path(__file__).parents[2] / "dags" / "jobs" / "example"
FACTORY = "airflow_provider_hads.dag_factory"


@pytest.fixture(scope="module")
def dag() -> DAG:
    return build_job_dag(EXAMPLE)


def test_supervise_has_many_quick_tries(dag: DAG) -> None:
    supervise = dag.get_task("supervise")

    assert supervise.retries == 20
    assert supervise.retry_delay == timedelta(seconds=5)
    assert supervise.trigger_rule == TriggerRule.ALL_DONE


def test_watchers_come_after_all_that_keeps_the_run_going(dag: DAG) -> None:
    weights = {task.task_id: task.priority_weight for task in dag.tasks}

    assert {task_id for task_id, weight in weights.items() if weight == 1} == {"task"}
    assert min(weight for task_id, weight in weights.items() if task_id != "task") == 1000


def test_a_deployments_time_limit_for_sensors_does_not_end_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__SENSORS__DEFAULT_TIMEOUT", "3600")

    supervise = build_job_dag(EXAMPLE).get_task("supervise")

    assert isinstance(supervise, BaseSensorOperator)
    assert timedelta(seconds=supervise.timeout) > timedelta(days=10_000)


def test_who_clears_supervise_clears_the_watchers_that_look_while_it_works(dag: DAG) -> None:
    watchers = dag.get_task("task")

    assert "task" in dag.get_task("supervise").downstream_task_ids
    assert watchers.upstream_task_ids == {"launched", "supervise"}
    assert watchers.trigger_rule == TriggerRule.ONE_DONE


def test_open_run_is_the_only_setup_and_what_ends_a_run_are_teardowns(dag: DAG) -> None:
    assert [task.task_id for task in dag.tasks if task.is_setup] == ["open_run"]
    assert sorted(task.task_id for task in dag.tasks if task.is_teardown) == ["report", "terminate"]


def test_no_time_limit_of_the_run_can_skip_its_teardowns(dag: DAG) -> None:
    assert dag.dagrun_timeout is None


def test_a_folder_whose_name_is_no_dag_id_does_not_cost_the_others_their_dags(tmp_path: Path) -> None:
    for name in ("good", "my sweep", "my_sweep", "größe", "x" * 251, ".ipynb_checkpoints"):
        (tmp_path / name).mkdir()
        for file in ("job.json", "env.json"):
            shutil.copy(EXAMPLE / file, tmp_path / name)

    ids = [dag.dag_id for dag in build_job_dags(tmp_path)]

    assert len({*ids}) == 5
    assert {"good", "my_sweep"} < {*ids}
    assert [dag_id.rpartition("-")[0] for dag_id in ids if "-" in dag_id] == ["gr__e", "my_sweep", "x" * 200]


def test_a_jobs_folder_may_be_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__HADS__JOBS_FOLDER", "~/jobs")
    shutil.copytree(EXAMPLE, tmp_path / "jobs" / "mine")

    assert [dag.dag_id for dag in build_job_dags()] == ["mine"]


def test_a_jobs_folder_that_is_not_there_is_an_error_of_the_dag_file(tmp_path: Path) -> None:
    missing = tmp_path / "jbos"

    with pytest.raises(InputError, match=f"{missing}: there is no such folder; make it, or set .hads. jobs_"):
        list(build_job_dags(missing))


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders that this user may not enter; to root, who may, they look so, too."""
    folders: set[Path] = set()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in folders and access(path, mode))
    return folders


def test_a_folder_that_can_t_be_entered_has_a_dag_that_says_so(tmp_path: Path, closed: set[Path]) -> None:
    for name in ("bad", "good"):
        shutil.copytree(EXAMPLE, tmp_path / name)
    (tmp_path / "bad").joinpath("job.json").unlink()
    (tmp_path / "bad").joinpath("env.json").unlink()
    (tmp_path / "lost+found").mkdir()
    closed |= {tmp_path / "bad", tmp_path / "lost+found"}

    bad, good = build_job_dags(tmp_path)

    assert f"{tmp_path}/bad: it can't be entered: no permission" in (bad.doc_md or "")
    assert (bad.tags, good.tags) == ({"hads", "errors"}, {"hads"})


def test_a_jobs_folder_that_can_t_be_read_is_an_error_of_the_dag_file(
    tmp_path: Path, closed: set[Path]
) -> None:
    closed.add(tmp_path)

    with pytest.raises(InputError, match=f"{tmp_path}: it can't be read: no permission"):
        list(build_job_dags(tmp_path))


def test_without_a_jobs_folder_there_are_no_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "in_the_work_folder")
    monkeypatch.chdir(tmp_path)

    assert list(build_job_dags()) == []


def test_a_linked_folders_dag_has_the_links_name(tmp_path: Path) -> None:
    (tmp_path / "today").symlink_to(EXAMPLE)

    assert [dag.dag_id for dag in build_job_dags(tmp_path)] == ["today"]


def test_a_folder_without_its_job_file_has_a_dag_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    shutil.copy(EXAMPLE / "env.json", tmp_path / "half")

    [dag] = build_job_dags(tmp_path)

    assert dag.dag_id == "half"
    assert "job.json" in (dag.doc_md or "")
    assert "errors" in dag.tags


def test_a_folder_whose_files_have_other_names_is_a_jobs(tmp_path: Path) -> None:
    (tmp_path / "renamed").mkdir()
    for file, name in (("job.json", "j.json"), ("env.json", "e.json")):
        shutil.copy(EXAMPLE / file, tmp_path / "renamed" / name)
    (tmp_path / "renamed" / "setup.cfg").write_text("[input]\njob_file = j.json\nenv_file = e.json\n")

    [dag] = build_job_dags(tmp_path)

    assert (dag.dag_id, dag.tags) == ("renamed", {"hads"})


def test_a_deadline_beyond_all_dates_is_refused_by_the_form(dag: DAG) -> None:
    assert dag.params.get_param("deadline_seconds").schema["maximum"] == 10**9


def test_of_very_many_errors_the_first_are_told(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"job_id": 1, "tasks": dict.fromkeys(map(str, range(60)))}))
    shutil.copy(EXAMPLE / "env.json", tmp_path)

    lines = (build_job_dag(tmp_path).doc_md or "").splitlines()

    assert lines[2] == "    job.json: tasks.0: null is not an object ({...})"
    assert lines[51:] == [
        "    job.json: tasks.49: null is not an object ({...})",
        "    ... and 10 more",
    ]


@pytest.mark.parametrize("broken", ["airflow_provider_hads.inputs.load_job_folder", f"{FACTORY}.plan_params"])
def test_whatever_is_wrong_with_a_folder_costs_no_other_job_its_dag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    for name in ("bad", "good"):
        shutil.copytree(EXAMPLE, tmp_path / name)
    works: Callable[..., Any] = resolve_name(broken)

    def fail_for_bad(given: Path | JobInputs | None) -> Any:
        if str(getattr(given, "folder", given)).endswith("bad"):
            raise RuntimeError("nobody has thought of this")
        return works(given)

    monkeypatch.setattr(broken, fail_for_bad)

    bad, good = build_job_dags(tmp_path)

    assert (bad.dag_id, bad.tags) == ("bad", {"hads", "errors"})
    assert f"{tmp_path}/bad: it can't be used: RuntimeError: nobody has thought of this" in (bad.doc_md or "")
    assert bad.get_task("open_run")
    assert (good.dag_id, good.tags) == ("good", {"hads"})


def test_a_link_to_itself_costs_no_other_job_its_dag(tmp_path: Path) -> None:
    for name in ("bad", "good"):
        shutil.copytree(EXAMPLE, tmp_path / name)
    link = tmp_path / "bad" / "app" / "0" / "data" / "x"
    link.symlink_to(link)

    bad, good = build_job_dags(tmp_path)

    assert f"{link}: it links to itself" in (bad.doc_md or "")
    assert good.tags == {"hads"}


def test_a_folder_whose_name_is_no_text_costs_no_other_job_its_dag(tmp_path: Path) -> None:
    for name in (b"good", b"\xff"):
        shutil.copytree(EXAMPLE, tmp_path / os.fsdecode(name))

    bad, good = sorted(build_job_dags(tmp_path), key=lambda dag: dag.dag_id)

    assert f"{tmp_path}/\\xff: its name is no UTF-8 text; rename it" in (bad.doc_md or "")
    for dag in (bad, good):
        assert f"{dag.doc_md}{vars(dag.get_task('open_run'))}".encode()
    assert (bad.tags, good.tags) == ({"hads", "errors"}, {"hads"})

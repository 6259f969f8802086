from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import load_job_folder

Document = dict[str, Any]
WriteFolder = Callable[..., Path]


def lines_of(folder: Path, map_file: str | None = None, **options: Any) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        load_job_folder(folder, environ={}, map_file=map_file, **options)
    return str(caught.value).splitlines()


def test_a_folder_with_job_and_environment_alone(job_folder: WriteFolder) -> None:
    folder = job_folder()

    inputs = load_job_folder(folder)

    assert inputs.folder == folder
    assert inputs.job.id == "7"
    assert inputs.plan is None
    assert (inputs.deadline, inputs.deadline_source) == (None, "")
    assert inputs.files == {"job.json": folder / "job.json", "env.json": folder / "env.json"}
    assert inputs.notes == ()


def test_the_deadline_of_setup_cfg_goes_before_the_maps(
    job_folder: WriteFolder, map_document: Document
) -> None:
    folder = job_folder(map=map_document)
    assert load_job_folder(folder).deadline == 600
    assert load_job_folder(folder).deadline_source == "map.json: deadline"

    job_folder(map=map_document, setup="[input]\ndeadline_seconds = 200")

    inputs = load_job_folder(folder)
    assert inputs.deadline == 200
    assert inputs.plan is not None
    assert inputs.plan.deadline == 200
    assert inputs.deadline_source == "setup.cfg: input.deadline_seconds"


def test_setup_cfg_may_name_another_folder_and_other_files(job_folder: WriteFolder, tmp_path: Path) -> None:
    folder = job_folder()
    (folder / "job.json").rename(folder / "mine.json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "setup.cfg").write_text("[input]\npath = $BASE/..\njob_file = mine.json", encoding="utf-8")

    inputs = load_job_folder(elsewhere, environ={"BASE": str(elsewhere)})

    assert inputs.folder == folder
    assert inputs.files["job.json"] == folder / "mine.json"


def test_paths_of_setup_cfg_are_relative_to_its_folder(job_folder: WriteFolder) -> None:
    setup = "[input]\npath = .\n[application]\napp_local_path = programs\n"
    folder = job_folder(setup=setup + "[communication]\nkey_path = keys\nkey_file = k.pem")
    (folder / "programs" / "a" / "data").mkdir(parents=True)
    (folder / "programs" / "a" / "data" / "run.sh").write_text("echo", encoding="utf-8")

    inputs = load_job_folder(folder)

    assert inputs.settings.input.path == str(folder)
    assert inputs.settings.application.app_local_path == str(folder / "programs")
    assert inputs.settings.communication.key_path == str(folder / "keys")
    assert [file.path for file in inputs.application_files["a"]] == ["run.sh"]


def test_files_can_be_named_by_the_caller(job_folder: WriteFolder, map_document: Document) -> None:
    folder = job_folder(map=map_document)
    (folder / "map.json").rename(folder / "other_map.json")

    assert load_job_folder(folder).plan is None
    assert load_job_folder(folder, map_file="other_map.json").plan is not None


def test_a_map_that_is_named_by_setup_cfg_need_not_exist(job_folder: WriteFolder) -> None:
    inputs = load_job_folder(job_folder(setup="[input]\nmap_file = later.json"))

    assert inputs.plan is None
    assert inputs.notes == ("setup.cfg: [input] map_file: there is no later.json; a plan is made instead",)


def test_a_map_that_is_named_by_the_caller_must_exist(job_folder: WriteFolder) -> None:
    folder = job_folder()
    assert lines_of(folder, map_file="nope.json") == [
        f"nope.json: there is no such file; it was looked for at {folder}/nope.json"
    ]


def test_no_such_folder(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    remedy = "name a folder with job.json and env.json"
    assert lines_of(folder) == [f"{folder}: there is no such folder; {remedy}"]
    folder.write_text("x", encoding="utf-8")
    assert lines_of(folder) == [f"{folder}: it is not a folder; {remedy}"]


def test_missing_files(tmp_path: Path) -> None:
    assert lines_of(tmp_path) == [
        f"job.json: there is no such file; it was looked for at {tmp_path}/job.json",
        f"env.json: there is no such file; it was looked for at {tmp_path}/env.json",
    ]


def test_a_file_that_is_no_utf8_text(job_folder: WriteFolder) -> None:
    folder = job_folder()
    (folder / "job.json").write_bytes(b'{"job_id": "\xff"}')
    assert lines_of(folder) == ["job.json: this is no UTF-8 text (byte 0xff at offset 12); save it as UTF-8"]


def test_a_folder_in_the_place_of_a_file(job_folder: WriteFolder) -> None:
    folder = job_folder()
    (folder / "env.json").unlink()
    (folder / "env.json").mkdir()
    assert lines_of(folder) == ["env.json: this is no plain file; put a file in its place"]


def test_the_errors_of_all_files_are_reported(job_folder: WriteFolder) -> None:
    folder = job_folder(job="{}", env="[]", map="1", setup="[ec2]\nregion = x")
    assert [line.split(": ")[0] for line in lines_of(folder)] == [
        "setup.cfg",
        "job.json",
        "job.json",
        "env.json",
        "map.json",
    ]


def test_a_task_without_a_runtime_on_any_offered_type(
    job_folder: WriteFolder, job_document: Document, environment_document: Document
) -> None:
    job_document["tasks"]["a"]["runtime"] = {"m5.large": 5}
    environment_document["instances"]["m5.large"] = {
        **environment_document["instances"]["c5.large"],
        "restrictions": {"limits": {}, "markets": {"on-demand": "no", "preemptible": "no"}},
    }
    assert lines_of(job_folder()) == [
        "job.json: tasks.a.runtime: it names m5.large, none of the offered types; "
        "add one of c5.large, t3.micro"
    ]


def test_of_many_offered_types_a_few_are_named(
    job_folder: WriteFolder, job_document: Document, environment_document: Document
) -> None:
    c5 = environment_document["instances"]["c5.large"]
    environment_document["instances"] = {f"c5.{size}xlarge": c5 for size in range(1, 12)}
    job_document["tasks"]["b"]["runtime"] = {"c5.1xlarge": 5}
    names = ", ".join(f"c5.{size}xlarge" for size in range(1, 11))
    assert lines_of(job_folder()) == [
        "job.json: tasks.a.runtime: it names c5.large, t3.micro, none of the offered types; "
        f"add one of {names}, ..."
    ]


def test_a_task_with_more_memory_than_any_type_that_could_run_it(
    job_folder: WriteFolder, job_document: Document
) -> None:
    job_document["tasks"]["b"]["memory"] = 2000
    job_document["tasks"]["b"]["runtime"] = {"t3.micro": 5}
    assert lines_of(job_folder()) == [
        "job.json: tasks.b.memory: 2000 MB is more than any VM has; "
        "of the offered types that it has runtimes on, t3.micro has most: 1024 MB"
    ]


def test_runtimes_on_unknown_types_are_kept(job_folder: WriteFolder, job_document: Document) -> None:
    job_document["tasks"]["a"]["runtime"]["x9.large"] = 5
    assert load_job_folder(job_folder()).job.tasks["a"].runtimes["x9.large"] == 5


def test_a_planner_to_come_is_refused_without_a_map(job_folder: WriteFolder, map_document: Document) -> None:
    setup = "[scheduler]\nname = IPDPS"
    planners = ["cc", "on-demand"]
    assert lines_of(job_folder(setup=setup), planners=planners) == [
        "setup.cfg: scheduler.name: the planner 'ils' is not available yet; "
        "use cc or on-demand, or give a map.json"
    ]
    assert load_job_folder(job_folder(setup=setup, map=map_document), planners=planners).notes == (
        "setup.cfg: [scheduler] name: no effect: map.json is followed, unless the DAG param use_map is "
        "switched off",
    )


def test_oddities_of_a_map_are_noted(
    job_folder: WriteFolder, map_document: Document, environment_document: Document
) -> None:
    environment_document["instances"]["c5.large"]["restrictions"]["limits"]["preemptible"] = 1
    environment_document["global_limits"]["ec2"]["preemptible"] = 1
    map_document["instances"]["vm-2"] = {**map_document["instances"]["vm-1"], "map": {"vcpu_0": {}}}
    setup = (
        "[ec2]\nvcpu_limits = 3\n[input]\ndeadline_seconds = 50\n[scheduler]\nallow_parallel_execution = no"
    )

    assert load_job_folder(job_folder(map=map_document, setup=setup)).notes == (
        "map.json: VM vm-2 of the map has no tasks",
        "map.json: the plan ends at 240 s, with a boot of 180 s, after the deadline of 50 s",
        "map.json: the plan has 2 spot VMs of c5.large; env.json's limit is 1",
        "map.json: the plan has 2 spot VMs; env.json's limit over all types is 1",
        "map.json: the plan has VMs of 4 vCPUs; setup.cfg's vcpu_limits is 3",
        "map.json: tasks run at once by plan, but allow_parallel_execution is no",
    )


def test_a_named_application_folder_must_exist(job_folder: WriteFolder) -> None:
    folder = job_folder(setup="[application]\napp_local_path = nope")
    assert lines_of(folder) == [
        f"setup.cfg: application.app_local_path: {folder}/nope is no folder; "
        "it must hold <task id>/data/ for each task that needs files"
    ]


def test_a_file_in_the_place_of_the_application_folder(job_folder: WriteFolder) -> None:
    folder = job_folder()
    (folder / "app").write_text("x", encoding="utf-8")
    assert lines_of(folder) == [
        "app: it is no folder; it must hold <task id>/data/ for each task that needs files; "
        "rename it if it is something else"
    ]

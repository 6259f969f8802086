from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import find_application_files


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def lines_of(folder: Path, *task_ids: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        find_application_files(folder, task_ids)
    return str(caught.value).splitlines()


def test_the_files_of_each_task_are_found(tmp_path: Path) -> None:
    script = put(tmp_path / "0" / "data" / "exec.sh", "echo")
    script.chmod(0o755)
    put(tmp_path / "0" / "data" / "fasta" / "one.fasta", "ACGT!")

    files, notes = find_application_files(tmp_path, ["0", "1"])

    assert list(files) == ["0"]
    assert [(file.path, file.size) for file in files["0"]] == [("exec.sh", 4), ("fasta/one.fasta", 5)]
    assert (files["0"][0].source, files["0"][0].mode) == (script, 0o755)
    assert notes == []


def test_folders_that_are_not_used_are_noted(tmp_path: Path) -> None:
    put(tmp_path / "7" / "data" / "x")
    put(tmp_path / "0" / "exec.sh")
    (tmp_path / os.fsdecode(b"\xff")).mkdir()

    files, notes = find_application_files(tmp_path, ["0"])

    assert files == {}
    assert notes == [
        f"{tmp_path}/0: it has no folder 'data'; its files are not used",
        f"{tmp_path}/7: no task of the job has this id; the folder is not used",
        f"{tmp_path}/\\udcff: no task of the job has this id; the folder is not used",
    ]


def test_a_link_within_the_tasks_files_is_followed(tmp_path: Path) -> None:
    put(tmp_path / "0" / "data" / "real", "12345")
    (tmp_path / "0" / "data" / "link").symlink_to("real")

    files, _ = find_application_files(tmp_path, ["0"])

    assert [(file.path, file.size) for file in files["0"]] == [("link", 5), ("real", 5)]


def test_what_can_not_be_sent_to_a_vm(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret")
    data = tmp_path / "app" / "0" / "data"
    put(data / "bad\nname")
    (data / "sub").mkdir()
    (data / "folder_link").symlink_to("sub")
    (data / "nowhere").symlink_to("none")
    (data / "itself").symlink_to("itself")
    (data / "outside").symlink_to(secret)
    os.mkfifo(data / "pipe")

    assert sorted(lines_of(tmp_path / "app", "0")) == [
        f"{data}/bad\\nname: its name has characters that can't be printed; rename it",
        f"{data}/folder_link: it is no plain file; remove it (a linked folder must be a folder)",
        f"{data}/itself: it links to itself, perhaps through other links; put a file in its place",
        f"{data}/nowhere: it can't be read: No such file or directory",
        f"{data}/outside: it links to something outside of {data}; put a copy there",
        f"{data}/pipe: it is no plain file; remove it (a linked folder must be a folder)",
    ]


def test_an_application_folder_that_can_not_be_listed(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    assert lines_of(folder, "0") == [f"{folder}: it can't be read: No such file or directory"]

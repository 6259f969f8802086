"""A run's inputs are what they were when it began."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.model.runner import StagedFile
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.inputs import (
    FileToStage,
    read_inputs,
    read_staged_files,
    stage_files,
    write_inputs,
)
from airflow_provider_hads.storage.layout import RunLayout

CONTENTS = {"job.json": b"{}", "setup.cfg": b"[ec2]\n"}


def test_inputs_are_read_back(bucket: Bucket, layout: RunLayout) -> None:
    write_inputs(bucket, layout, CONTENTS)
    assert read_inputs(bucket, layout) == CONTENTS


def test_a_second_try_does_not_change_them(bucket: Bucket, layout: RunLayout) -> None:
    write_inputs(bucket, layout, CONTENTS)
    write_inputs(bucket, layout, {"job.json": b"edited meanwhile"})
    assert read_inputs(bucket, layout) == CONTENTS


def test_a_copy_that_was_changed_is_noticed(bucket: Bucket, layout: RunLayout) -> None:
    write_inputs(bucket, layout, CONTENTS)
    bucket.put(layout.input("job.json"), b"changed")
    with pytest.raises(StorageError, match=r"inputs/job.json was changed"):
        read_inputs(bucket, layout)


def test_a_run_without_inputs_says_so(bucket: Bucket, layout: RunLayout) -> None:
    with pytest.raises(StorageError, match=r"digests.json is missing"):
        read_inputs(bucket, layout)


def test_files_are_staged_by_content(bucket: Bucket, layout: RunLayout, tmp_path: Path) -> None:
    for name, content in (("a", b"same"), ("b", b"same"), ("c", b"other")):
        (tmp_path / name).write_bytes(content)
    first = [FileToStage("exec.sh", tmp_path / "a", 0o100755)]
    second = [FileToStage("exec.sh", tmp_path / "b", 0o644), FileToStage("d/in", tmp_path / "c", 0o600)]
    stage_files(bucket, layout, {"0": first, "1": second})
    same, other = (hashlib.sha256(content).hexdigest() for content in (b"same", b"other"))
    assert read_staged_files(bucket, layout) == {
        "0": (StagedFile("exec.sh", same, 4, 0o755),),
        "1": (StagedFile("exec.sh", same, 4, 0o644), StagedFile("d/in", other, 5, 0o600)),
    }
    assert sorted(bucket.keys("12_0/_hads/files/")) == sorted(layout.content(it) for it in (same, other))
    assert bucket.get(layout.content(other)) == b"other"


def test_a_file_that_went_away_is_named(bucket: Bucket, layout: RunLayout, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone can't be read: No such file"):
        stage_files(bucket, layout, {"0": [FileToStage("x", tmp_path / "gone", 0o644)]})
    with pytest.raises(StorageError, match="is missing"):
        read_staged_files(bucket, layout)

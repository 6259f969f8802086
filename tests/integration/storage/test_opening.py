"""A run is opened once, and keeps to the files with which it was."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.inputs import load_job_folder
from airflow_provider_hads.runtime.opening import OpenedRun, Opening, open_run
from airflow_provider_hads.storage.bucket import Bucket

EXAMPLE = Path(__file__).parents[3] / "dags" / "jobs" / "example"
BEGAN = datetime(2030, 1, 1, tzinfo=timezone.utc)
OPENING = Opening("dag", "run", 0, BEGAN, deadline=200.0, boot_timeout=60.0, margin=60.0)


@pytest.fixture
def folder(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example's folder, to be edited; its run is opened in the bucket."""
    monkeypatch.setenv("AIRFLOW__HADS__BUCKET", bucket.name)
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example"))


def opened(folder: Path, aws: str) -> OpenedRun:
    return open_run(load_job_folder(folder), OPENING, aws_conn_id=aws, now=BEGAN)


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_second_try_finds_the_run_and_says_nothing(
    folder: Path, aws: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(folder, aws) == opened(folder, aws)
    assert warnings(caplog) == []


def test_a_job_that_has_changed_since_is_not_run_and_the_user_is_told(
    folder: Path, aws: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(folder, aws)
    task = json.loads((folder / "job.json").read_text())["tasks"]["0"]
    edit(folder, tasks={"another": task})
    (folder / "map.json").unlink()

    assert opened(folder, aws) == first
    assert list(first.job.tasks) == ["0", "1", "2"]
    assert warnings(caplog) == [
        "Changed since the run began: job.json, map.json. It keeps to its own copy; "
        "start a new run to use the change."
    ]


def test_a_run_does_not_become_one_of_another_job(folder: Path, aws: str, bucket: Bucket) -> None:
    opened(folder, aws)
    edit(folder, job_id=13)
    (folder / "map.json").unlink()

    with pytest.raises(
        InputError, match=r"job.json: job_id: '13' is another job than '12', for which this run"
    ):
        opened(folder, aws)
    assert list(bucket.folders("13_")) == []

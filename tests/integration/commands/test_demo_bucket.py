"""Two demos, each with a cloud of its own, see one bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from airflow_provider_hads.commands.demo_bucket import is_result, restore_bucket, save_bucket


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_bucket(Bucket="demo")
        yield client


def keys(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="demo").get("Contents", [])]


def test_what_one_demo_leaves_the_next_one_finds(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="demo", Key="12_0/_hads/run.json", Body=b"{}")
    s3.put_object(Bucket="demo", Key="12_0/0/data/output.txt", Body=b"first")
    s3.put_object(Bucket="demo", Key="images/synthetic.tar", Body=b"large")
    save_bucket(s3, "demo", tmp_path)
    for key in keys(s3):
        s3.delete_object(Bucket="demo", Key=key)

    restore_bucket(s3, "demo", tmp_path)

    assert keys(s3) == ["12_0/0/data/output.txt", "12_0/_hads/run.json"]


def test_only_the_last_runs_files_are_new(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="demo", Key="12_0/0/data/output.txt", Body=b"first")
    save_bucket(s3, "demo", tmp_path)
    s3.put_object(Bucket="demo", Key="12_1/0/data/output.txt", Body=b"second")
    s3.put_object(Bucket="demo", Key="12_1/0/attempts/0.1/data/output.txt", Body=b"second")

    new = save_bucket(s3, "demo", tmp_path)

    assert [path for path in new if is_result(path, tmp_path)] == [tmp_path / "12_1/0/data/output.txt"]


def test_nothing_is_there_before_the_first_demo(s3: Any, tmp_path: Path) -> None:
    restore_bucket(s3, "demo", tmp_path / "missing")

    assert keys(s3) == []

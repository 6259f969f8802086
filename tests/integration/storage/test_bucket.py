from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.storage import bucket as bucket_module
from airflow_provider_hads.storage.bucket import Bucket


def test_what_is_put_can_be_read(bucket: Bucket) -> None:
    bucket.put("a/b c+ä", b"content")
    assert bucket.get("a/b c+ä") == b"content"


def test_a_missing_object_is_none_or_an_error(bucket: Bucket) -> None:
    assert bucket.find("nothing") is None
    with pytest.raises(StorageError, match=r"s3://hads-test/nothing is missing"):
        bucket.get("nothing")


def test_only_the_first_of_two_writes_where_nothing_was(bucket: Bucket) -> None:
    assert bucket.put_if_absent("claim", b"mine")
    assert not bucket.put_if_absent("claim", b"yours")
    assert bucket.get("claim") == b"mine"


def test_a_repeated_write_of_the_same_counts_as_written(bucket: Bucket) -> None:
    assert [bucket.put_if_absent("claim", b"mine") for _ in range(2)] == [True, True]


def test_keys_and_folders_are_listed_over_pages(bucket: Bucket, s3: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = [f"job_{number}/x" for number in range(1005)]
        list(pool.map(lambda key: s3.put_object(Bucket="hads-test", Key=key, Body=b""), keys))
    assert len(list(bucket.keys("job_"))) == 1005
    assert len(list(bucket.folders("job_"))) == 1005
    assert list(bucket.folders("job_1004")) == ["job_1004/"]


@pytest.mark.parametrize("largest_part", [0, 2**20], ids=["managed", "one request"])
def test_an_object_is_copied_whatever_its_size(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, largest_part: int
) -> None:
    monkeypatch.setattr(bucket_module, "_LARGEST_PART", largest_part)
    bucket.put("from/ä +%", b"content")
    bucket.copy("from/ä +%", "to/ä +%", 7)
    assert bucket.get("to/ä +%") == b"content"


def test_a_copy_of_nothing_is_an_error(bucket: Bucket) -> None:
    with pytest.raises(StorageError, match="could not copy nothing to x: NoSuchKey"):
        bucket.copy("nothing", "x", 1)


def test_a_file_is_uploaded(bucket: Bucket, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"x" * 100_000)
    bucket.upload("uploaded", source)
    assert len(bucket.get("uploaded")) == 100_000


def test_a_bucket_that_does_not_exist_is_named_with_a_remedy(aws: str) -> None:
    absent = Bucket.connect(aws, "no-such-bucket")
    with pytest.raises(StorageError, match=r"Bucket no-such-bucket: .*NoSuchBucket; create it, or set"):
        absent.put("x", b"")
    with pytest.raises(StorageError, match="NoSuchBucket"):
        list(absent.keys(""))


def test_an_endpoint_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_NOWHERE", "aws://k:s@/?region_name=us-east-1&endpoint_url=http%3A%2F%2F127.0.0.1%3A9"
    )
    with pytest.raises(StorageError, match="could not read x"):
        Bucket.connect("nowhere", "hads-test").get("x")

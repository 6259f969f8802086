"""Every request that goes to the bucket, against botocore's own model of S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.handlers import handle_copy_source_param
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.storage import bucket as bucket_module
from airflow_provider_hads.storage import requests
from airflow_provider_hads.storage.bucket import Bucket
from tests.support.recorded_bucket import SIZE, RecordedBucket
from tests.support.service_models import check

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def with_source_as_text(copy: dict[str, Any]) -> dict[str, Any]:
    """Return a copy's request as botocore writes it: its model does not know the source in parts."""
    handle_copy_source_param(copy)
    return copy


@given(BUCKETS, KEYS, KEYS, st.binary(max_size=100), st.booleans())
def test_every_look_and_every_write_is_a_request_that_s3_knows(
    bucket: str, key: str, other: str, content: bytes, switch: bool
) -> None:
    check("s3", "GetObject", requests.get_request(bucket, key))
    check("s3", "PutObject", requests.put_request(bucket, key, content, only_if_absent=switch))
    check("s3", "CopyObject", with_source_as_text(requests.copy_request(bucket, key, other)))
    check("s3", "ListObjectsV2", requests.list_request(bucket, key, folders=switch))


def test_a_condition_and_a_delimiter_go_over_the_wire_as_s3_documents_them() -> None:
    claim = check("s3", "PutObject", requests.put_request("b", "k", b"", only_if_absent=True))
    listing = check("s3", "ListObjectsV2", requests.list_request("b", "12_", folders=True))

    assert claim["headers"]["If-None-Match"] == "*"
    assert listing["query_string"] == {"prefix": "12_", "delimiter": "/"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    with path.open("wb") as written:
        written.truncate(SIZE)
    return path


CALLS: dict[str, tuple[Callable[[Bucket, Path], object], set[str]]] = {
    "read": (lambda bucket, _: bucket.find("k"), {"GetObject"}),
    "write": (lambda bucket, _: bucket.put("k", b"x"), {"PutObject"}),
    "claim": (lambda bucket, _: bucket.put_if_absent("k", b"x"), {"PutObject"}),
    "list keys": (lambda bucket, _: list(bucket.keys("p")), {"ListObjectsV2"}),
    "list folders": (lambda bucket, _: list(bucket.folders("p")), {"ListObjectsV2"}),
    "copy": (lambda bucket, _: bucket.copy("k", "other", 1), {"CopyObject"}),
    "copy in parts": (
        lambda bucket, _: bucket.copy("k", "other", SIZE),
        {"HeadObject", "CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"},
    ),
    "upload in parts": (
        lambda bucket, file: bucket.upload("k", file),
        {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"},
    ),
}
"""Each method of a bucket, and what it asks of S3."""


@pytest.mark.parametrize("call", CALLS)
def test_what_the_bucket_asks_for_is_right_with_all_that_boto3_makes_of_it(
    call: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_LARGEST_PART", SIZE - 1)
    bucket, (method, operations) = RecordedBucket(), CALLS[call]

    method(bucket, file)

    assert bucket.operations() >= operations
    for operation, request in bucket.requests:
        check("s3", operation, request)

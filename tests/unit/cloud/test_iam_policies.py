"""The permissions that the README tells a user to give."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

import airflow_provider_hads
from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.storage import bucket as bucket_module
from airflow_provider_hads.vm.runner import bucket as runner_module
from airflow_provider_hads.vm.runner.web import HttpError
from tests.support.iam_policies import allowed_actions, listed, needed_actions, statements
from tests.support.recorded_bucket import SIZE, RecordedBucket

NOT_API_CALLS = {"iam:PassRole", "s3:GetObjectTagging", "s3:ListBucket"}
PACKAGE = Path(airflow_provider_hads.__file__).parent
SERVICES = ("cloudwatch", "ec2", "pricing", "s3", "sqs")
NOT_AWS = ("local_cloud", "commands")
"""Folders that speak to the cloud in a box, or to nobody."""


def actions(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for statement in statements(name):
        for action in listed(statement["Action"]):
            yield action, statement


@pytest.mark.parametrize("name", ["iam_policy.json", "vm_iam_policy.json"])
def test_every_action_is_one_that_aws_has_and_none_is_a_wildcard(name: str) -> None:
    session = botocore.session.get_session()

    for action, _ in actions(name):
        service, operation = action.split(":")
        assert action in NOT_API_CALLS or operation in session.get_service_model(service).operation_names


def test_only_looking_is_allowed_on_everything() -> None:
    for action, statement in actions("iam_policy.json"):
        if "*" in listed(statement["Resource"]):
            assert action.split(":")[1].startswith(("Describe", "Get"))


def test_nothing_is_launched_without_the_run_s_tag() -> None:
    untagged = [
        resource.rsplit(":", 1)[1].split("/")[0]
        for action, statement in actions("iam_policy.json")
        if action == "ec2:RunInstances" and "Condition" not in statement
        for resource in listed(statement["Resource"])
    ]

    assert not set(untagged) & {"instance", "volume", "network-interface", "spot-instances-request"}


@pytest.mark.parametrize(
    "action", ["ec2:TerminateInstances", "ec2:CancelSpotInstanceRequests", "ec2:CreateTags"]
)
def test_only_our_own_is_ended_or_tagged(action: str) -> None:
    conditions = [
        statement.get("Condition") for name, statement in actions("iam_policy.json") if name == action
    ]

    assert conditions
    assert all(conditions)


@pytest.mark.parametrize(
    ("action", "key", "allowed"),
    [
        ("s3:GetObject", "12_0/_hads/files/abc", True),
        ("s3:GetObject", "images/synthetic.tar", True),
        ("s3:PutObject", "12_0/7/attempts/7-1/data/output.txt", True),
        ("s3:PutObject", "12_0/7/attempts/7-1/container.log", True),
        ("s3:PutObject", "12_0/7/manifest.json", False),
        ("s3:PutObject", "12_0/7/data/output.txt", False),
        ("s3:PutObject", "12_0/_hads/run.json", False),
        ("s3:PutObject", "images/synthetic.tar", False),
        ("s3:GetObject", "12_0/_hads/inputs/job.json", False),
        ("s3:DeleteObject", "12_0/7/attempts/7-1/container.log", False),
    ],
)
def test_a_vm_may_read_what_is_staged_and_write_what_its_attempts_made(
    action: str, key: str, allowed: bool
) -> None:
    resources_of_action = [
        resource
        for name, statement in actions("vm_iam_policy.json")
        if name == action
        for resource in listed(statement["Resource"])
    ]

    arn = f"arn:aws:s3:::BUCKET/{key}"
    assert any(fnmatchcase(arn, pattern) for pattern in resources_of_action) is allowed


@cache
def operations_by_method() -> dict[str, str]:
    """Return all that boto3's clients can be asked for, such as ``run_instances``: ``ec2:RunInstances``."""
    session = botocore.session.get_session()
    return {
        xform_name(operation): f"{service}:{operation}"
        for service in SERVICES
        for operation in session.get_service_model(service).operation_names
    }


def names_in(source: str) -> Iterator[str]:
    """Yield the methods that are called, and the texts, by which a paginator is asked for."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def operations_in_the_source() -> set[str]:
    """Return every operation of AWS that stands anywhere in the package's own code."""
    sources = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in NOT_AWS]
    names = {name for path in sources for name in names_in(path.read_text(encoding="utf-8"))}
    return {operation for name, operation in operations_by_method().items() if name in names}


def operations_of_transfers(path: Path) -> set[str]:
    """Return what boto3 makes of an upload and of a copy in parts, and of an upload that fails.

    :param path: a large file.
    """
    upload, failed, copy = RecordedBucket(), RecordedBucket(refused="UploadPart"), RecordedBucket()
    upload.upload("key", path)
    with pytest.raises(StorageError, match="could not write key"):
        failed.upload("key", path)
    copy.copy("key", "other", SIZE)
    return {f"s3:{operation}" for bucket in (upload, failed, copy) for operation in bucket.operations()}


@pytest.fixture
def large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file, and objects, that go in parts."""
    monkeypatch.setattr(bucket_module, "_LARGEST_PART", SIZE - 1)
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def test_all_calls_of_a_run_and_of_a_reap_are_found_in_the_source() -> None:
    assert operations_in_the_source() >= {
        "cloudwatch:GetMetricData",
        "ec2:RunInstances",
        "ec2:DescribeSpotInstanceRequests",
        "ec2:DescribeVolumes",
        "ec2:DeleteVolume",
        "pricing:GetProducts",
        "s3:CopyObject",
        "s3:ListObjectsV2",
        "sqs:ChangeMessageVisibilityBatch",
        "sqs:DeleteMessageBatch",
    }


def test_the_controller_may_do_what_its_calls_need_and_no_more(large_file: Path) -> None:
    operations = operations_in_the_source() | operations_of_transfers(large_file)

    assert needed_actions(operations) == allowed_actions("iam_policy.json")


class RecordedRunnerBucket(runner_module.Bucket):
    """The bucket as a VM's runner speaks to it, without a network.

    :param refused: the operation that S3 refuses.
    """

    def __init__(self, refused: str = "") -> None:
        self._refused = refused
        super().__init__({"bucket": "BUCKET", "region": "us-east-1", "part_size": SIZE // 2})
        self.operations: set[str] = set()

    @contextmanager
    def opened(self, method: str, key: str, query: str = "", *_: Any, **__: Any) -> Iterator[Any]:
        """Write down the operation that S3 takes a request for."""
        named = {
            ("GET", ""): "s3:GetObject",
            ("PUT", ""): "s3:PutObject",
            ("PUT", "partNumber"): "s3:UploadPart",
            ("POST", "uploads"): "s3:CreateMultipartUpload",
            ("POST", "uploadId"): "s3:CompleteMultipartUpload",
            ("DELETE", "uploadId"): "s3:AbortMultipartUpload",
        }
        operation = named[method, query.split("=")[0]]
        self.operations.add(operation)
        if operation == self._refused:
            raise HttpError(404, "refused")
        yield RunnerAnswer(b"<UploadId>1</UploadId>")


class RunnerAnswer(BytesIO):
    """An answer of S3."""

    headers: Mapping[str, str] = {"ETag": '"1"'}


def test_a_vm_may_do_what_its_runner_s_calls_need_and_no_more(large_file: Path) -> None:
    bucket, refusing = RecordedRunnerBucket(), RecordedRunnerBucket(refused="s3:UploadPart")

    bucket.get("12_0/_hads/files/abc", BytesIO())
    bucket.put("12_0/7/attempts/7-1/data/small", large_file, SIZE // 2, "digest")
    bucket.put("12_0/7/attempts/7-1/data/large", large_file, SIZE, "digest")

    with pytest.raises(HttpError):
        refusing.put("12_0/7/attempts/7-1/data/large", large_file, SIZE, "digest")

    assert len(bucket.operations) == 5
    assert "s3:AbortMultipartUpload" in refusing.operations - bucket.operations, "its parts would be kept"
    operations = bucket.operations | refusing.operations
    assert needed_actions(operations) == allowed_actions("vm_iam_policy.json")

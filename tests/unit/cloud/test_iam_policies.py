"""The permissions that the README tells a user to give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

import botocore.session
import pytest

NOT_API_CALLS = {"iam:PassRole", "s3:GetObjectTagging", "s3:ListBucket"}


def statements(name: str) -> list[dict[str, Any]]:
    text = resources.files("airflow_provider_hads.cloud").joinpath(name).read_text()
    policy: dict[str, Any] = json.loads(text)
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


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

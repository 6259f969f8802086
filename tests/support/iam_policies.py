"""What the policies allow that the README tells a user to give, and what a call needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

__all__ = ["allowed_actions", "listed", "needed_actions", "statements"]

DIFFERENT = {
    # tags at the launch, the VMs' role, and the role that EC2 makes for the account's first spot VM
    "ec2:RunInstances": (
        "ec2:RunInstances",
        "ec2:CreateTags",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
    "s3:AbortMultipartUpload": ("s3:AbortMultipartUpload",),
    "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:CopyObject": ("s3:GetObject", "s3:GetObjectTagging", "s3:PutObject"),
    "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:UploadPart": ("s3:PutObject",),
    "s3:UploadPartCopy": ("s3:GetObject", "s3:PutObject"),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
}
"""The actions of operations that need others than those of their own name, as IAM's reference has them."""


def statements(name: str) -> list[dict[str, Any]]:
    """Return the statements of a policy file of the package."""
    text = resources.files("airflow_provider_hads.cloud").joinpath(name).read_text()
    policy: dict[str, Any] = json.loads(text)
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def listed(value: str | list[str]) -> list[str]:
    """Return a policy's one or many as many."""
    return [value] if isinstance(value, str) else value


def allowed_actions(name: str) -> set[str]:
    """Return the actions that a policy file of the package allows on anything."""
    return {action for statement in statements(name) for action in listed(statement["Action"])}


def needed_actions(operations: Iterable[str]) -> set[str]:
    """Return the actions that operations such as ``s3:HeadObject`` need."""
    return set(_needed(operations))


def _needed(operations: Iterable[str]) -> Iterator[str]:
    for operation in operations:
        yield from DIFFERENT.get(operation, (operation,))

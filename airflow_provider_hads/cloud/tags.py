"""The tags by which a run finds what it owns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.identifiers import launch_token
from airflow_provider_hads.model.settings import Ec2Settings

__all__ = [
    "BUCKET_TAG",
    "EXPIRES_TAG",
    "GENERATION_TAG",
    "HOST_KEY_TAG",
    "JOB_TAG",
    "LAUNCH_TAG",
    "RUN_TAG",
    "SEQUENCE_TAG",
    "VM_TAG",
    "aws_tags",
    "order_tags",
    "order_token",
    "tag_values",
]

RUN_TAG = "hads:run"
JOB_TAG = "hads:job"
VM_TAG = "hads:vm"
SEQUENCE_TAG = "hads:sequence"
GENERATION_TAG = "hads:generation"
LAUNCH_TAG = "hads:token"
HOST_KEY_TAG = "hads:host-key"
EXPIRES_TAG = "hads:expires"
BUCKET_TAG = "hads:bucket"
"""Where it stands whose run it is, for whoever finds a VM and knows nothing else."""

_RESERVED_PREFIXES = ("hads:", "aws:")


def order_token(order: LaunchOrder) -> str:
    """Return the ClientToken of an order."""
    return launch_token(order.run.uid, order.generation, order.sequence)


def order_tags(order: LaunchOrder, settings: Ec2Settings, host_key: str) -> dict[str, str]:
    """Return the tags of all that an order creates.

    :param order: the VM to be launched.
    :param settings: section ``[ec2]``; its ``tag_key`` is added.
    :param host_key: public host key as in ``known_hosts``.
    :raises InputError: ``tag_key`` is one of ours or of AWS.
    """
    tags = {
        "Name": f"hads {order.run.name} {order.vm_id}",
        RUN_TAG: order.run.uid,
        JOB_TAG: order.run.name,
        VM_TAG: order.vm_id,
        SEQUENCE_TAG: str(order.sequence),
        GENERATION_TAG: str(order.generation),
        LAUNCH_TAG: order_token(order),
        HOST_KEY_TAG: host_key,
        EXPIRES_TAG: order.expires_at.isoformat(),
        BUCKET_TAG: order.run.bucket,
    }
    if settings.tag_key:
        tags[_own_tag_key(settings.tag_key)] = settings.tag_value or ""
    return tags


def _own_tag_key(key: str) -> str:
    if key.lower().startswith(_RESERVED_PREFIXES):
        problem = f"{key!r} is reserved: it must not start with hads: or aws:"
        raise InputError("setup.cfg", "ec2.tag_key", problem)
    return key


def aws_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags in the form in which EC2 takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_values(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return tags in the form in which EC2 gives them as a plain mapping."""
    return {tag["Key"]: tag["Value"] for tag in tags}

"""Whether an interruption can hibernate a VM, and the root volume it then needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_hads.cloud.instance_types import ImageFacts, TypeFacts
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import LaunchOrder

__all__ = ["Interruption", "RootVolume", "interruption_of", "terminates"]

HIBERNATION_MEMORY_LIMIT = 150 * 1024
"""MB; EC2 hibernates Linux VMs with less RAM than this."""


@dataclass(frozen=True)
class RootVolume:
    """The root volume of a VM that can hibernate: its image and its RAM fit on it.

    :param device: the image's root device name.
    :param size: GiB.
    """

    device: str
    size: int


@dataclass(frozen=True)
class Interruption:
    """What an interruption does to a VM.

    :param root_volume: where its memory goes when it hibernates; None where it is terminated instead.
    :param note: why it can't hibernate, for the log; empty otherwise.
    """

    root_volume: RootVolume | None = None
    note: str = ""


def terminates(reason: str) -> str:
    """Return the note for a spot VM that can't hibernate."""
    return f"an interruption terminates the VM instead of hibernating it: {reason}"


def interruption_of(order: LaunchOrder, facts: TypeFacts | None, image: ImageFacts | None) -> Interruption:
    """Say whether EC2 can hibernate the VM of an order when it interrupts it.

    :param order: the VM to be launched.
    :param facts: what EC2 says of its type, None if it says nothing.
    :param image: what EC2 says of its image, None if it says nothing.
    """
    if order.market is Market.ON_DEMAND:
        return Interruption()
    obstacle = _obstacle(order, facts, image)
    if obstacle or facts is None or image is None:
        return Interruption(note=terminates(obstacle))
    memory = math.ceil(max(order.memory, facts.memory) / 1024)
    return Interruption(RootVolume(image.root_device, image.root_size + memory))


def _obstacle(order: LaunchOrder, facts: TypeFacts | None, image: ImageFacts | None) -> str:
    if facts is None:
        return f"EC2 says nothing about the type {order.instance_type}"
    if not facts.hibernation:
        return f"the type {order.instance_type} does not support hibernation"
    memory = max(order.memory, facts.memory)
    if memory >= HIBERNATION_MEMORY_LIMIT:
        return f"{memory / 1024:g} GiB of RAM are too much (less than 150 GiB can hibernate)"
    if image is None or not image.root_device or image.root_size < 1:
        return "the image's root volume is not known"
    return ""

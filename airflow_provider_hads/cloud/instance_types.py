"""What EC2 says about instance types and images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_hads.cloud.errors import translated

__all__ = ["ImageFacts", "TypeFacts", "describe_image", "describe_types", "image_request", "types_request"]


@dataclass(frozen=True)
class TypeFacts:
    """One instance type as EC2 describes it.

    :param memory: MB.
    :param hibernation: it can be hibernated.
    :param architectures: ``x86_64``, ``arm64``, ...
    :param burstable: it earns CPU credits.
    """

    name: str
    vcpus: int
    memory: float
    hibernation: bool
    architectures: tuple[str, ...]
    burstable: bool = False


@dataclass(frozen=True)
class ImageFacts:
    """One image as EC2 describes it.

    :param root_device: name of the root device, empty where the image names none.
    :param root_size: GiB; 0 where the image does not say.
    """

    image_id: str
    root_device: str
    root_size: int
    architecture: str


def types_request(names: Iterable[str]) -> dict[str, Any]:
    """Return the DescribeInstanceTypes request for some types.

    It filters instead of naming them: one unknown name would fail the whole request.
    """
    return {"Filters": [{"Name": "instance-type", "Values": sorted(set(names))}]}


def image_request(image_id: str) -> dict[str, Any]:
    """Return the DescribeImages request for one image."""
    return {"ImageIds": [image_id]}


def describe_types(client: Any, names: Iterable[str]) -> dict[str, TypeFacts]:
    """Return what EC2 says about some instance types, by name, with one call.

    A type that the region does not have is left out.

    :param client: a boto3 EC2 client.
    :param names: the types' names.
    :raises CloudError: EC2 does not say.
    """
    with translated("DescribeInstanceTypes"):
        pages = client.get_paginator("describe_instance_types").paginate(**types_request(names))
        facts = [_type_facts(entry) for page in pages for entry in page["InstanceTypes"]]
    return {fact.name: fact for fact in facts}


def _type_facts(entry: Mapping[str, Any]) -> TypeFacts:
    return TypeFacts(
        name=entry["InstanceType"],
        vcpus=int(entry.get("VCpuInfo", {}).get("DefaultVCpus", 0)),
        memory=float(entry.get("MemoryInfo", {}).get("SizeInMiB", 0)),
        hibernation=bool(entry.get("HibernationSupported", False)) and not entry.get("BareMetal", False),
        architectures=tuple(entry.get("ProcessorInfo", {}).get("SupportedArchitectures", ())),
        burstable=bool(entry.get("BurstablePerformanceSupported", False)),
    )


def describe_image(client: Any, image_id: str) -> ImageFacts | None:
    """Return what EC2 says about an image; None if it lists none of that id.

    :param client: a boto3 EC2 client.
    :param image_id: the AMI's id.
    :raises CloudError: EC2 does not say, or refuses the id.
    """
    with translated("DescribeImages", image_id):
        images = client.describe_images(**image_request(image_id))["Images"]
    return _image_facts(images[0]) if images else None


def _image_facts(image: Mapping[str, Any]) -> ImageFacts:
    root_device = image.get("RootDeviceName", "")
    sizes = [
        mapping.get("Ebs", {}).get("VolumeSize", 0)
        for mapping in image.get("BlockDeviceMappings", ())
        if mapping.get("DeviceName") == root_device
    ]
    root_size = int(sizes[0]) if sizes else 0
    return ImageFacts(image["ImageId"], root_device, root_size, image.get("Architecture", ""))

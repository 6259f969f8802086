"""The Docker network of a local cloud, and the removal of all it has left in Docker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_hads.local_cloud.containers import CLOUD_LABEL
from airflow_provider_hads.local_cloud.engine import DockerEngine

__all__ = ["gateway_of", "make_network", "network_name", "remove_everything", "vm_containers"]

REMOVALS_AT_ONCE = 8
FORCE = {"force": "1", "v": "1"}


def network_name(cloud_id: str) -> str:
    """Return the name of a cloud's Docker network."""
    return f"hads-{cloud_id}"


def make_network(engine: DockerEngine, cloud_id: str) -> None:
    """Make the cloud's network."""
    body = {
        "Name": network_name(cloud_id),
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Labels": {CLOUD_LABEL: cloud_id},
    }
    engine.request("POST", "/networks/create", body)


def gateway_of(engine: DockerEngine, cloud_id: str) -> str:
    """Return this machine's address in the cloud's network."""
    network = engine.request("GET", f"/networks/{network_name(cloud_id)}")
    return str(network["IPAM"]["Config"][0]["Gateway"])


def vm_containers(engine: DockerEngine, cloud_id: str) -> list[dict[str, Any]]:
    """Return the cloud's running VM containers as the engine describes them."""
    return engine.labelled("containers", [f"{CLOUD_LABEL}={cloud_id}"], everything=False)


def remove_everything(engine: DockerEngine, cloud_id: str) -> int:
    """Remove containers, disks and network of a cloud, whatever has happened to it.

    :return: how many containers there were.
    """
    label = [f"{CLOUD_LABEL}={cloud_id}"]
    containers = engine.labelled("containers", label)
    with ThreadPoolExecutor(REMOVALS_AT_ONCE) as pool:
        list(pool.map(lambda item: engine.remove(f"/containers/{item['Id']}", FORCE), containers))
    for volume in engine.labelled("volumes", label):
        engine.remove(f"/volumes/{volume['Name']}", FORCE)
    for network in engine.labelled("networks", label):
        engine.remove(f"/networks/{network['Id']}")
    return len(containers)

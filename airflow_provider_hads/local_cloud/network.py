"""The Docker network of a local cloud, and the removal of all it has left in Docker."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_hads.local_cloud.containers import CLOUD_LABEL
from airflow_provider_hads.local_cloud.engine import DockerEngine, EngineError

__all__ = ["gateway_of", "make_network", "network_name", "remove_everything", "vm_containers"]

REMOVALS_AT_ONCE = 8
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.1
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
    :raises EngineError: the engine refuses for longer than a removal that is under way can take.
    """
    label = [f"{CLOUD_LABEL}={cloud_id}"]
    count = len(engine.labelled("containers", label))
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if _remove_once(engine, label):
                return count
        except EngineError:
            if time.monotonic() > end:
                raise
        time.sleep(RETRY_SECONDS)


def _remove_once(engine: DockerEngine, label: list[str]) -> bool:
    """Try to remove everything; say whether there was nothing left to remove.

    A removal that a server began before it was ended goes on in the engine, and holds disk and network.
    """
    containers = [f"/containers/{item['Id']}" for item in engine.labelled("containers", label)]
    with ThreadPoolExecutor(REMOVALS_AT_ONCE) as pool:
        list(pool.map(lambda path: engine.remove(path, FORCE), containers))
    rest = [f"/volumes/{volume['Name']}" for volume in engine.labelled("volumes", label)]
    rest += [f"/networks/{network['Id']}" for network in engine.labelled("networks", label)]
    for path in rest:
        engine.remove(path)
    return not containers and not rest

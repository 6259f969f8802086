"""The Docker network of a local cloud, and the removal of all it has left in Docker."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

from airflow_provider_hads.local_cloud.containers import CLOUD_LABEL
from airflow_provider_hads.local_cloud.engine import DockerEngine, EngineError

__all__ = ["Addresses", "gateway_of", "make_network", "network_name", "remove_everything", "vm_containers"]

REMOVALS_AT_ONCE = 8
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.1
NETWORK_TRIES = 5
FORCE = {"force": "1", "v": "1"}


def network_name(cloud_id: str) -> str:
    """Return the name of a cloud's Docker network."""
    return f"hads-{cloud_id}"


def make_network(engine: DockerEngine, cloud_id: str) -> None:
    """Make the cloud's network, in a range that the engine has chosen.

    :raises EngineError: the engine refuses, or another network takes every range it has chosen.
    """
    for attempt in range(NETWORK_TRIES):
        _create_network(engine, cloud_id, [])
        chosen = _address_range(engine, cloud_id)
        engine.remove(f"/networks/{network_name(cloud_id)}")
        try:
            # Only where the range was asked for does the engine let a container have the address one wants.
            _create_network(engine, cloud_id, [chosen])
        except EngineError:
            if attempt == NETWORK_TRIES - 1:
                raise
        else:
            return


def _create_network(engine: DockerEngine, cloud_id: str, ranges: list[dict[str, str]]) -> None:
    body = {
        "Name": network_name(cloud_id),
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Labels": {CLOUD_LABEL: cloud_id},
        "IPAM": {"Driver": "default", "Config": ranges},
    }
    engine.request("POST", "/networks/create", body)


def _address_range(engine: DockerEngine, cloud_id: str) -> dict[str, str]:
    network = engine.request("GET", f"/networks/{network_name(cloud_id)}")
    config = network["IPAM"]["Config"][0]
    return {"Subnet": str(config["Subnet"]), "Gateway": str(config["Gateway"])}


def gateway_of(engine: DockerEngine, cloud_id: str) -> str:
    """Return this machine's address in the cloud's network."""
    return _address_range(engine, cloud_id)["Gateway"]


class Addresses:
    """Hands out the addresses of the cloud's network, each as late again as can be.

    The engine itself gives a free address to the next one who asks; on EC2 a VM that comes back has another
    address than before, and its old one does not answer. Used by many threads.
    """

    def __init__(self, engine: DockerEngine, cloud_id: str) -> None:
        chosen = _address_range(engine, cloud_id)
        hosts = (str(host) for host in ip_network(chosen["Subnet"]).hosts())
        self._lock = threading.Lock()
        self._next: Iterator[str] = itertools.cycle(host for host in hosts if host != chosen["Gateway"])

    def take(self) -> str:
        """Return the next address."""
        with self._lock:
            return next(self._next)


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

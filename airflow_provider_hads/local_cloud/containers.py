"""VM-like containers: how one is made, watched, read and removed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_hads.local_cloud.engine import DockerEngine, EngineError

__all__ = ["CLOUD_LABEL", "INSTANCE_LABEL", "VmContainers", "VmOrder"]

CLOUD_LABEL = "airflow-provider-hads.local-cloud"
INSTANCE_LABEL = "airflow-provider-hads.instance"
CONSOLE_LINES = "2000"
FREEZE_SECONDS = 20.0
FREEZE_PAUSE_SECONDS = 0.1
UNABLE_TO_FREEZE = "unable to freeze"
SHUTDOWN_SECONDS = "10"
"""How long a VM that is told to shut down may take before it is switched off."""

_PRIVILEGED: dict[str, Any] = {"Privileged": True}
# Enough for a Docker engine inside, where the machine itself may not give all capabilities away.
_NEARLY_PRIVILEGED: dict[str, Any] = {
    "CapAdd": ["ALL"],
    "CapDrop": ["SYS_RESOURCE"],
    "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
    "MaskedPaths": [],
    "ReadonlyPaths": [],
    "DeviceCgroupRules": ["a *:* rwm"],
}


@dataclass(frozen=True)
class VmOrder:
    """One container to be made.

    :param instance_id: the EC2 id; also the container's name.
    :param vcpus: CPUs of the type; this machine's own number is the upper bound.
    :param memory: MB of the type; this machine's own memory is the upper bound.
    """

    instance_id: str
    vcpus: int
    memory: int


@dataclass
class VmContainers:
    """The VM containers of one local cloud.

    :param cloud_id: value of the label by which this cloud finds what is its own.
    :param image: name of the VM image.
    :param network: name of the cloud's Docker network.
    :param metadata_address: ``host:port`` of the metadata service, as VMs reach it.
    :param new_address: gives the address of a VM that starts or comes back.
    """

    engine: DockerEngine
    cloud_id: str
    image: str
    network: str
    metadata_address: str
    new_address: Callable[[], str]
    _rights: list[dict[str, Any]] = field(default_factory=lambda: [_PRIVILEGED, _NEARLY_PRIVILEGED])

    def start(self, order: VmOrder) -> str:
        """Make a VM's container and start it.

        :return: its address, which this machine can reach.
        :raises EngineError: the engine can't.
        """
        kinds = self._rights  # of this moment: several VMs start at once
        for rights in kinds[:-1]:
            try:
                return self._start_with(rights, order)
            except EngineError:
                # "unable to apply caps": remembered, so that later VMs don't try in vain.
                self._rights = kinds[-1:]
                self.remove(order.instance_id)
        return self._start_with(kinds[-1], order)

    def _start_with(self, rights: Mapping[str, Any], order: VmOrder) -> str:
        name, address = order.instance_id, self.new_address()
        body = self._description(rights, order, address)
        self.engine.request("POST", "/containers/create", body, query={"name": name})
        self.engine.request("POST", f"/containers/{name}/start")
        return address

    def _description(self, rights: Mapping[str, Any], order: VmOrder, address: str) -> dict[str, Any]:
        labels = {CLOUD_LABEL: self.cloud_id, INSTANCE_LABEL: order.instance_id}
        disk = {"Type": "volume", "Target": "/var/lib/docker", "VolumeOptions": {"Labels": labels}}
        host = {
            **rights,
            "CgroupnsMode": "private",
            "NetworkMode": self.network,
            "NanoCpus": min(order.vcpus, os.cpu_count() or 1) * 10**9,
            "Memory": min(order.memory << 20, _machine_memory()),
            "Mounts": [disk],
        }
        return {
            "Image": self.image,
            "Hostname": order.instance_id,
            "Env": [f"LOCAL_CLOUD_METADATA={self.metadata_address}"],
            "Labels": labels,
            "HostConfig": host,
            "NetworkingConfig": {"EndpointsConfig": {self.network: _endpoint(address)}},
        }

    def freeze(self, instance_id: str) -> None:
        """Stop every process of a VM where it is, then take it off the network; its memory stays.

        :raises EngineError: the engine can't; 404 where the VM is gone.
        """
        self._pause(instance_id)
        self._disconnect(instance_id)

    def _pause(self, instance_id: str) -> None:
        """Pause; the engine gives up quickly where processes start faster than it freezes them."""
        end = time.monotonic() + FREEZE_SECONDS
        while True:
            try:
                self.engine.request("POST", f"/containers/{instance_id}/pause")
            except EngineError as error:
                if UNABLE_TO_FREEZE not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(FREEZE_PAUSE_SECONDS)
            else:
                return

    def connect(self, instance_id: str) -> str:
        """Put a VM that is frozen or off onto the network again.

        :return: its new address.
        :raises EngineError: the engine can't.
        """
        address = self.new_address()
        body = {"Container": instance_id, "EndpointConfig": _endpoint(address)}
        self.engine.request("POST", f"/networks/{self.network}/connect", body)
        return address

    def thaw(self, instance_id: str) -> None:
        """Let the processes of a frozen VM go on.

        :raises EngineError: the engine can't.
        """
        self.engine.request("POST", f"/containers/{instance_id}/unpause")

    def power_off(self, instance_id: str) -> None:
        """Shut a VM down and take it off the network; its disk stays.

        :raises EngineError: the engine can't; 404 where the VM is gone.
        """
        query = {"t": SHUTDOWN_SECONDS}
        self.engine.request("POST", f"/containers/{instance_id}/stop", query=query)
        self._disconnect(instance_id)

    def lose_memory(self, instance_id: str) -> None:
        """Switch a frozen VM off without a shutdown; its disk stays.

        :raises EngineError: the engine can't.
        """
        self.engine.request("POST", f"/containers/{instance_id}/kill", query={"signal": "KILL"})
        self.wait_for_end(instance_id)

    def power_on(self, instance_id: str) -> None:
        """Boot a VM that is off from its disk.

        :raises EngineError: the engine can't.
        """
        self.engine.request("POST", f"/containers/{instance_id}/start")

    def execute(self, instance_id: str, command: Sequence[str]) -> None:
        """Run a command on a VM as root.

        :raises EngineError: the engine can't, or the command fails; the message holds what it said.
        """
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        made = self.engine.request("POST", f"/containers/{instance_id}/exec", body)["Id"]
        said = self.engine.request("POST", f"/exec/{made}/start", {"Detach": False, "Tty": True})
        code = self.engine.request("GET", f"/exec/{made}/json")["ExitCode"]
        if code:
            raise EngineError(500, f"{command[0]} on {instance_id} ended with exit code {code}: {said}")

    def cpu_seconds(self, instance_id: str) -> float:
        """Return how much processor time a VM has used since it was started, its containers included.

        :raises EngineError: the engine can't tell.
        """
        query = {"stream": "0", "one-shot": "1"}
        stats = self.engine.request("GET", f"/containers/{instance_id}/stats", query=query)
        if not isinstance(stats, Mapping):  # it ends just now: the answer is empty
            raise EngineError(404, f"no statistics of {instance_id}")
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def _disconnect(self, instance_id: str) -> None:
        body = {"Container": instance_id, "Force": True}
        self.engine.request("POST", f"/networks/{self.network}/disconnect", body)

    def wait_for_end(self, instance_id: str) -> None:
        """Block until the container has stopped or is gone.

        :raises OSError: the engine itself has gone away.
        """
        try:
            self.engine.request("POST", f"/containers/{instance_id}/wait", timeout=None)
        except EngineError as error:
            if error.status != 404:
                raise

    def console(self, instance_id: str) -> str:
        """Return the last lines of the VM's console; empty when the container is gone."""
        query = {"stdout": "1", "stderr": "1", "tail": CONSOLE_LINES}
        try:
            data = b"".join(self.engine.stream(f"/containers/{instance_id}/logs", query))
        except EngineError:
            return ""
        return _without_frames(data).decode(errors="replace")

    def remove(self, instance_id: str) -> None:
        """Remove the container and its disk, whatever state it is in."""
        self.engine.remove(f"/containers/{instance_id}", {"force": "1", "v": "1"})


def _endpoint(address: str) -> dict[str, Any]:
    return {"IPAMConfig": {"IPv4Address": address}}


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _without_frames(data: bytes) -> bytes:
    """Take the engine's 8-byte frame headers out of a log (the last 4 bytes are the frame's length)."""
    text = bytearray()
    while len(data) >= 8:
        end = 8 + int.from_bytes(data[4:8], "big")
        text += data[8:end]
        data = data[end:]
    return bytes(text)

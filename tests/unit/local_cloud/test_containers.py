"""VMs that start at the same moment on a machine that may not give all capabilities away."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_hads.local_cloud.containers import VmContainers, VmOrder
from airflow_provider_hads.local_cloud.engine import DockerEngine, EngineError


@dataclass(frozen=True)
class UnprivilegedEngine(DockerEngine):
    """An engine that refuses privileged containers, to all that ask at the same moment."""

    refusal: threading.Barrier = field(default_factory=lambda: threading.Barrier(3))
    privileged: dict[str, bool] = field(default_factory=dict)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        if body is not None and query is not None:
            self.privileged[query["name"]] = "Privileged" in body["HostConfig"]
        if path.endswith("/start") and self.privileged[path.split("/")[2]]:
            self.refusal.wait(timeout=10)
            raise EngineError(500, "unable to apply caps: operation not permitted")
        return None


def test_vms_that_are_refused_at_the_same_moment_all_start_with_fewer_rights() -> None:
    engine = UnprivilegedEngine("/nowhere")
    containers = VmContainers(engine, "cloud", "image", "net", "172.30.0.1:80", lambda: "172.30.0.2")

    with ThreadPoolExecutor() as threads:
        addresses = list(threads.map(containers.start, [order(number) for number in range(3)]))

    assert addresses == ["172.30.0.2"] * 3
    assert containers.start(order(3)) == "172.30.0.2"
    assert engine.privileged == {f"i-{number}": False for number in range(4)}


def order(number: int) -> VmOrder:
    return VmOrder(f"i-{number}", vcpus=1, memory=1024)


@dataclass(frozen=True)
class BusyEngine(DockerEngine):
    """An engine that can't freeze a VM at once, and says so."""

    refusals: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        self.calls.append(path.rsplit("/", 1)[1])
        if self.calls[-1] == "pause" and self.refusals:
            raise EngineError(500, self.refusals.pop())


def test_a_vm_that_can_not_be_frozen_at_once_is_frozen_all_the_same() -> None:
    engine = BusyEngine("/nowhere", refusals=["OCI runtime pause failed: unable to freeze: unknown"] * 2)

    VmContainers(engine, "cloud", "image", "net", "172.30.0.1:80", lambda: "172.30.0.2").freeze("i-1")

    assert engine.calls == ["pause", "pause", "pause", "disconnect"]


@dataclass(frozen=True)
class SilentEngine(DockerEngine):
    """An engine that answers with nothing, as it does for a container that ends meanwhile."""

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        return ""


def test_of_a_vm_that_ends_meanwhile_the_processor_time_is_not_known() -> None:
    engine = SilentEngine("/nowhere")
    containers = VmContainers(engine, "cloud", "image", "net", "172.30.0.1:80", lambda: "172.30.0.2")

    with pytest.raises(EngineError, match="no statistics of i-1"):
        containers.cpu_seconds("i-1")


def test_a_vm_that_is_gone_is_not_frozen() -> None:
    engine = BusyEngine("/nowhere", refusals=["No such container: i-1"])
    containers = VmContainers(engine, "cloud", "image", "net", "172.30.0.1:80", lambda: "172.30.0.2")

    with pytest.raises(EngineError, match="No such container"):
        containers.freeze("i-1")
    assert engine.calls == ["pause"]

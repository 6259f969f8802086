"""What happens to an instance over time, in the background: boot, power-off, end, launch again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from moto.ec2.models.instance_types import INSTANCE_TYPES

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.containers import VmContainers, VmOrder
from airflow_provider_hads.local_cloud.instance import INITIATED_BY_INSTANCE, LAUNCH_FAILED, VmInstance
from airflow_provider_hads.local_cloud.spot import SpotRequest

__all__ = ["Lifecycle", "Timing"]

_log = logging.getLogger(__name__)
ENGINE_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Timing:
    """How long the local cloud takes for what a machine does not need to take long.

    :param boot_seconds: least time from launch to ``running``.
    :param relaunch_seconds: from the end of a persistent request's instance to the next one's launch.
    """

    boot_seconds: float = 0.0
    relaunch_seconds: float = 2.0


class _Backend(Protocol):
    def spot_request_of(self, instance: VmInstance) -> SpotRequest | None: ...

    def launch_again(self, request: SpotRequest) -> None: ...


class Lifecycle:
    """Moves instances through their states as their containers come and go.

    :param lock: held whenever an instance or a request changes.
    """

    def __init__(self, containers: VmContainers, lock: AbstractContextManager[bool], timing: Timing) -> None:
        self.containers = containers
        self._lock = lock
        self._timing = timing

    def boot(self, instance: VmInstance) -> None:
        """Start the instance's machine, and follow it to its end."""
        self._in_background(lambda: self._live(instance), f"vm-{instance.id}")

    def end(self, instance: VmInstance) -> None:
        """Remove the machine of an instance that is ``shutting-down``."""
        self._in_background(lambda: self._remove(instance), f"end-{instance.id}")

    @staticmethod
    def _in_background(work: Callable[[], None], name: str) -> None:
        threading.Thread(target=work, name=name, daemon=True).start()

    def _live(self, instance: VmInstance) -> None:
        if self._start(instance):
            self._wait_for_end(instance.id)
            with self._lock:
                self._container_ended(instance)

    def _start(self, instance: VmInstance) -> bool:
        running_at = time.monotonic() + self._timing.boot_seconds
        try:
            address = self.containers.start(_order(instance))
        except (CloudError, OSError) as error:
            _log.error("%s: no machine: %s", instance.id, error)
            with self._lock:
                self._fail(instance, str(error))
            return False
        finally:
            instance.container_ready.set()
        # The address is known at once: the booting VM asks the metadata service, which knows VMs by address.
        instance.address = address
        time.sleep(max(0.0, running_at - time.monotonic()))
        with self._lock:
            if instance.state == "pending":
                instance.mark_running(address)
        return True

    def _fail(self, instance: VmInstance, problem: str) -> None:
        if not instance.ended:
            instance.begin_end((LAUNCH_FAILED, f"Internal error on launch: {problem}"))
            self.end(instance)

    def _wait_for_end(self, instance_id: str) -> None:
        while True:
            try:
                return self.containers.wait_for_end(instance_id)
            except (CloudError, OSError) as error:
                _log.warning("%s: lost sight of it: %s", instance_id, error)
                time.sleep(ENGINE_RETRY_SECONDS)

    def _container_ended(self, instance: VmInstance) -> None:
        """Handle a machine that has powered itself off, unless someone ended it."""
        if instance.ended:
            return
        request = instance.ec2_backend.spot_request_of(instance)
        must_end = request is not None and not request.terms.persistent
        if must_end or instance.instance_initiated_shutdown_behavior == "terminate":
            instance.begin_end(INITIATED_BY_INSTANCE)
            self.end(instance)
        else:
            instance.ended_at = datetime.now(timezone.utc)
            instance.move_to("stopped", INITIATED_BY_INSTANCE)

    def _remove(self, instance: VmInstance) -> None:
        instance.container_ready.wait()
        instance.console = self._removed_console(instance.id)
        with self._lock:
            instance.finish_end()
            backend: _Backend = instance.ec2_backend
            request = backend.spot_request_of(instance)
            again = request is not None and request.instance_ended(datetime.now(timezone.utc))
        if request is not None and again:
            time.sleep(self._timing.relaunch_seconds)
            with self._lock:
                backend.launch_again(request)

    def _removed_console(self, instance_id: str) -> str:
        while True:
            try:
                console = self.containers.console(instance_id)
                self.containers.remove(instance_id)
                return console
            except (CloudError, OSError) as error:
                _log.warning("%s: can't be removed yet: %s", instance_id, error)
                time.sleep(ENGINE_RETRY_SECONDS)


def _order(instance: VmInstance) -> VmOrder:
    terms = INSTANCE_TYPES[instance.instance_type]
    return VmOrder(
        instance_id=instance.id,
        vcpus=int(terms["VCpuInfo"]["DefaultVCpus"]),
        memory=int(terms["MemoryInfo"]["SizeInMiB"]),
    )

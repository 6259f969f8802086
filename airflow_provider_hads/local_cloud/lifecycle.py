"""What happens to an instance over time, in the background: boot, power-off, end, launch again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from moto.ec2.models.instance_types import INSTANCE_TYPES

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.containers import VmContainers, VmOrder
from airflow_provider_hads.local_cloud.events import EventBus
from airflow_provider_hads.local_cloud.instance import (
    INITIATED_BY_INSTANCE,
    LAUNCH_FAILED,
    SPOT_TERMINATION,
    VmInstance,
)
from airflow_provider_hads.local_cloud.spot import SpotRequest
from airflow_provider_hads.local_cloud.ssh_doors import SshDoors

__all__ = ["Lifecycle", "Timing", "in_background"]

_log = logging.getLogger(__name__)
ENGINE_RETRY_SECONDS = 1.0
LEAST_RELAUNCH_SECONDS = 0.05


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

    def launch_again(self, request: SpotRequest) -> bool: ...


class Lifecycle:
    """Moves instances through their states as their containers come and go.

    :param doors: which VMs refuse SSH.
    :param lock: held whenever an instance or a request changes; never while the Docker engine works.
    :param events: is told what happens.
    """

    def __init__(
        self,
        containers: VmContainers,
        doors: SshDoors,
        lock: AbstractContextManager[bool],
        timing: Timing,
        events: EventBus,
    ) -> None:
        self.containers = containers
        self.events = events
        self._doors = doors
        self._lock = lock
        self._timing = timing

    def boot(self, instance: VmInstance) -> None:
        """Start the instance's machine, and follow it to its end."""
        in_background(lambda: self._first_boot(instance), f"vm-{instance.id}")

    def end(self, instance: VmInstance) -> None:
        """Remove the machine of an instance that is ``shutting-down``."""
        in_background(lambda: self._remove(instance), f"end-{instance.id}")

    def hibernate(self, instance: VmInstance) -> None:
        """Freeze the machine of an instance that is ``stopping``; stop it where that fails, as EC2 does.

        :raises CloudError: the engine can't do that either.
        """
        try:
            with self._unless_ended(instance):
                self.containers.freeze(instance.id)
        except (CloudError, OSError) as error:
            _log.warning("%s: can't be frozen, so it is stopped: %s", instance.id, error)
            with self._lock:
                instance.not_frozen()
            self.power_off(instance)
        else:
            self._stopped(instance)

    def power_off(self, instance: VmInstance) -> None:
        """Shut down the machine of an instance that is ``stopping``.

        :raises CloudError: the engine can't.
        """
        with self._unless_ended(instance):
            self.containers.power_off(instance.id)
        self._stopped(instance)

    def come_back(self, instance: VmInstance, keep_memory: bool) -> None:
        """Bring the machine of an instance back that is ``pending``, with another address.

        :param keep_memory: it goes on where it was frozen; else it boots from its disk.
        :raises CloudError: the engine can't.
        """
        boot, goes_on = instance.boots, instance.frozen and keep_memory
        with self._unless_ended(instance):
            if instance.frozen and not keep_memory:
                self.containers.lose_memory(instance.id)
            # The address is known before anything runs: the metadata service knows VMs by address.
            instance.address = self.containers.connect(instance.id)
            wake = self.containers.thaw if goes_on else self.containers.power_on
            wake(instance.id)
            self._doors.apply(instance.id)
        with self._lock:
            instance.frozen = False
            if instance.state == "pending" and instance.address is not None:
                instance.mark_running(instance.address)
        if not goes_on:
            in_background(lambda: self._follow(instance, boot), f"vm-{instance.id}")

    def stop(self, instance: VmInstance) -> None:
        """Freeze or shut down the machine of an instance that is ``stopping``, in the background."""
        work = self.hibernate if instance.frozen else self.power_off
        in_background(lambda: self._try(work, instance), f"stop-{instance.id}")

    def start_again(self, instance: VmInstance) -> None:
        """Bring the machine of an instance back that is ``pending``, in the background."""
        in_background(
            lambda: self._try(lambda one: self.come_back(one, keep_memory=True), instance),
            f"start-{instance.id}",
        )

    @staticmethod
    def _try(work: Callable[[VmInstance], None], instance: VmInstance) -> None:
        try:
            work(instance)
        except (CloudError, OSError) as error:
            _log.error("%s: stays %s: %s", instance.id, instance.state, error)

    @contextmanager
    def _unless_ended(self, instance: VmInstance) -> Iterator[None]:
        """Let the engine fail where the instance has been terminated meanwhile."""
        try:
            yield
        except (CloudError, OSError):
            if not instance.ended:
                raise

    def _stopped(self, instance: VmInstance) -> None:
        with self._lock:
            if instance.state == "stopping":
                instance.finish_stop()

    def _first_boot(self, instance: VmInstance) -> None:
        boot = instance.boots
        if self._start(instance):
            self._follow(instance, boot)

    def _follow(self, instance: VmInstance, boot: int) -> None:
        """Wait for the end of one boot of the machine, frozen times included.

        Whoever ends a boot on purpose begins another one in the instance's count, and sees to the rest.
        """
        self._wait_for_end(instance.id)
        with self._lock:
            powered_itself_off = instance.boots == boot and not instance.ended
            if powered_itself_off:
                self._powered_off(instance)

    def _start(self, instance: VmInstance) -> bool:
        running_at = time.monotonic() + self._timing.boot_seconds
        try:
            address = self.containers.start(_order(instance))
            self._doors.apply(instance.id)
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

    def _powered_off(self, instance: VmInstance) -> None:
        """Handle a machine that has powered itself off."""
        request = instance.ec2_backend.spot_request_of(instance)
        must_end = request is not None and not request.terms.persistent
        if must_end or instance.instance_initiated_shutdown_behavior == "terminate":
            instance.begin_end(INITIATED_BY_INSTANCE)
            self.end(instance)
            return
        instance.begin_stop(INITIATED_BY_INSTANCE, frozen=False)
        if request is not None:
            request.instance_stopped(by_user=True)
        self.stop(instance)

    def _remove(self, instance: VmInstance) -> None:
        instance.container_ready.wait()
        instance.console = self._removed_console(instance.id)
        backend: _Backend = instance.ec2_backend
        with self._lock:
            interrupted = instance.state_reason.code == SPOT_TERMINATION[0]
            instance.finish_end()
            request = backend.spot_request_of(instance)
            again = request is not None and request.instance_ended(datetime.now(timezone.utc), interrupted)
        if request is not None and again:
            self._launch_again(backend, request)

    def _launch_again(self, backend: _Backend, request: SpotRequest) -> None:
        """Launch for a persistent request as soon as there is capacity, and as long as it is open."""
        settled = False
        while not settled:
            time.sleep(max(self._timing.relaunch_seconds, LEAST_RELAUNCH_SECONDS))
            with self._lock:
                settled = backend.launch_again(request)

    def _removed_console(self, instance_id: str) -> str:
        while True:
            try:
                console = self.containers.console(instance_id)
                self.containers.remove(instance_id)
                return console
            except (CloudError, OSError) as error:
                _log.warning("%s: can't be removed yet: %s", instance_id, error)
                time.sleep(ENGINE_RETRY_SECONDS)


def in_background(work: Callable[[], None], name: str) -> None:
    """Do something in a thread of its own that does not keep the server from ending."""
    threading.Thread(target=work, name=name, daemon=True).start()


def _order(instance: VmInstance) -> VmOrder:
    terms = INSTANCE_TYPES[instance.instance_type]
    return VmOrder(
        instance_id=instance.id,
        vcpus=int(terms["VCpuInfo"]["DefaultVCpus"]),
        memory=int(terms["MemoryInfo"]["SizeInMiB"]),
    )

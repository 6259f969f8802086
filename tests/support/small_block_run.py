"""A run of building blocks in memory: its bucket, VMs that obey, and two who work on it in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from threading import Semaphore, Thread, current_thread
from types import SimpleNamespace
from typing import Any

from airflow_provider_hads.exceptions import VmUnreachable
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, Exchange, VmStatus
from airflow_provider_hads.runtime.blocks.tickets import Tickets
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.storage.layout import RunLayout
from airflow_provider_hads.storage.results import Results
from tests.support.control_examples import at
from tests.support.memory_bucket import MemoryBucket

__all__ = ["SAFE", "SPOT", "SmallBlockRun", "in_turns"]

RUN = RunIdentity("sweep", 0, "uid", "bucket")
SPOT = VmHandle(RUN, "spot", "i-1", "c5.large", Market.SPOT, True, 2, 4096.0, "ubuntu")
SAFE = replace(SPOT, vm_id="safe", instance_id="i-2", market=Market.ON_DEMAND, hibernation=False)


class SmallBlockRun:
    """Two VMs, and what tasks of a hand-written DAG work with; nothing that is begun here ever ends.

    :param before: is called before each request to the bucket or a VM.
    """

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self.attempts: dict[str, dict[str, AttemptState]] = {"i-1": {}, "i-2": {}}
        self._dropped: dict[str, set[str]] = {"i-1": set(), "i-2": set()}
        self._instances = {
            vm.instance_id: Instance(
                vm.instance_id,
                vm.vm_id,
                0,
                0,
                "c5.large",
                vm.market,
                InstanceState.RUNNING,
                "::1",
                "key",
                at(0),
            )
            for vm in (SPOT, SAFE)
        }
        bucket, layout = MemoryBucket(before), RunLayout("sweep_0")
        self.tickets = Tickets(bucket, layout)
        self.toolbox: Any = SimpleNamespace(
            bucket=bucket,
            layout=layout,
            tickets=self.tickets,
            results=Results(bucket, layout),
            fleet=SimpleNamespace(describe=lambda: tuple(self._instances.values())),
            gateway=SimpleNamespace(exchange=self._exchange),
        )

    def hibernate(self, vm: VmHandle) -> None:
        """Let a VM answer no more."""
        asleep = replace(self._instances[vm.instance_id], state=InstanceState.STOPPED, address=None)
        self._instances[vm.instance_id] = asleep

    def at_work(self, vm: VmHandle) -> list[str]:
        """Return the attempts that a VM works at."""
        known = self.attempts[vm.instance_id]
        return [attempt_id for attempt_id, state in known.items() if state is AttemptState.RUNNING]

    def _exchange(self, instance: Instance, message: Exchange, timeout: float) -> VmStatus:
        """Do as a VM's runner does: what it was told to drop, it also drops where that comes later."""
        self._before()
        if self._instances[instance.instance_id].state is not InstanceState.RUNNING:
            raise VmUnreachable(f"{instance.vm_id} does not answer")
        known, dropped = self.attempts[instance.instance_id], self._dropped[instance.instance_id]
        dropped.update(message.cancel)
        for order in message.enqueue:
            known.setdefault(order.attempt_id, AttemptState.RUNNING)
        for attempt_id in dropped & known.keys():
            known[attempt_id] = AttemptState.CANCELLED
        told = {
            attempt_id: AttemptStatus(attempt_id, attempt_id.partition(".")[0], state)
            for attempt_id, state in known.items()
        }
        return VmStatus("boot", 1, 0, 0.0, 2, attempts=told)


class _Worker:
    """Somebody whose requests wait until it is his turn."""

    def __init__(self, pool: Executor, work: Callable[[], object]) -> None:
        self._turn, self._paused = Semaphore(0), Semaphore(0)
        self._work = work
        self.ended = False
        self.thread: Thread | None = None
        self.result = pool.submit(self._run)
        self._paused.acquire()

    def _run(self) -> None:
        self.thread = current_thread()
        self.pause()
        try:
            self._work()
        finally:
            self.ended = True
            self._paused.release()

    def pause(self) -> None:
        """Wait, as the worker, for the next turn."""
        self._paused.release()
        self._turn.acquire()

    def go_on(self) -> None:
        """Let the worker go on to its next request, or to its end."""
        if not self.ended:
            self._turn.release()
            self._paused.acquire()


def in_turns(
    make: Callable[[Callable[[], None]], tuple[Callable[[], object], Callable[[], object]]],
    turns: Iterable[bool],
) -> None:
    """Let two work at the same time, request by request.

    :param make: returns both; it is given what is to be called before each request.
    :param turns: whether the first is next; when they are over, the first goes on to its end, then the other.
    """
    workers: list[_Worker] = []

    def before() -> None:
        for worker in workers:
            if worker.thread is current_thread():
                worker.pause()

    works = make(before)
    with ThreadPoolExecutor(len(works)) as pool:
        workers.extend(_Worker(pool, work) for work in works)
        first, second = workers
        for is_first in turns:
            (first if is_first else second).go_on()
        for worker in workers:
            while not worker.ended:
                worker.go_on()
            worker.result.result()

"""The loop: fills the slots from the queue, watches the lease, and notices that the VM was frozen."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import threading
import time
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.vm.runner.attempt import Attempt, Tools
from airflow_provider_hads.vm.runner.bucket import Bucket
from airflow_provider_hads.vm.runner.engine import Engine
from airflow_provider_hads.vm.runner.exchanges import attempt_status
from airflow_provider_hads.vm.runner.lease import Lease
from airflow_provider_hads.vm.runner.metadata import METADATA_URL
from airflow_provider_hads.vm.runner.notices import Notices
from airflow_provider_hads.vm.runner.orders import Queue
from airflow_provider_hads.vm.runner.store import RunnerError, boot_id, booted_at, read_json, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_hads.vm.runner.orders import Entry
    from airflow_provider_hads.vm.runner.store import Store

__all__ = ["Loop", "TickClock"]

TICK = 0.25  # seconds between two looks, unless something happens
TICK_CAP = 2.0  # seconds of work in a tick at most: for the rest the VM was frozen
ASLEEP = 4.0  # seconds; a longer tick is told as time asleep, a shorter one may be a busy VM's
GAP = 15.0  # seconds; a longer tick is a resume
HOLD = 120.0  # seconds after a gap in which nothing starts without a controller's word
STATUS_PERIOD = 1.0  # seconds between two status files where nothing but the time has changed
POWER_OFF_AGAIN = 30.0  # seconds
ROUNDING = 1e-9  # share of the memory by which sums may be off


class TickClock:
    """Seconds of work: the sum of the ticks, each capped, so that time frozen does not count.

    :param seconds: counted by an earlier life of the runner.
    :param now: Unix seconds.
    :param slept: seconds of long ticks, counted by an earlier life.
    """

    def __init__(self, seconds: float, now: Callable[[], float], slept: float = 0.0) -> None:
        self._seconds = seconds
        self._now = now
        self.slept = slept
        self.last = now()

    def tick(self) -> float:
        """Count one tick and return its length on the wall clock."""
        now = self._now()
        length = now - self.last
        self._seconds += min(max(length, 0.0), TICK_CAP)
        self.slept += length if length > ASLEEP else 0.0
        self.last = now
        return length

    def __call__(self) -> float:
        """Return the seconds counted, the tick that goes on included."""
        return self._seconds + min(max(self._now() - self.last, 0.0), TICK_CAP)


class Loop:
    """The runner's main loop; all that can take long is done by the attempts' threads.

    :param now: Unix seconds.
    """

    def __init__(self, store: Store, config: dict[str, Any], now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._config = config
        self._slots = int(config["slots"])
        self._memory = float(config["memory"])
        self._queue = Queue(store)
        self._lease = Lease(store, now)
        self._engine = Engine(config.get("docker_socket") or "/var/run/docker.sock")
        self._wake = threading.Event()
        self._now = now
        self._before = read_json(store.root / "status.json")
        self._boot_id = boot_id(Path("/proc"))
        self._clock = TickClock(float(self._before.get("clock", 0.0)), now, self._slept_before())
        self._heartbeat = int(self._before.get("heartbeat", 0))
        self._attempts: list[Attempt] = []
        self._held_at: float | None = None
        self._speaks_after = 0.0
        self._written = 0.0
        self._seen: list[object] = []
        self._powered_off = 0.0
        self._notices = Notices(config.get("metadata_url") or METADATA_URL)
        bucket = Bucket(config)
        self._tools = Tools(store, self._engine, bucket, config["prefix"], self._clock, self._wake.set)

    def _slept_before(self) -> float:
        """Return the seconds asleep that an earlier life has counted, and those until the boot after it."""
        slept = float(self._before.get("slept", 0.0))
        if self._before.get("boot_id") == self._boot_id or "time" not in self._before:
            return slept
        booted = min(booted_at(Path("/proc")), self._now())
        return slept + max(booted - float(self._before["time"]), 0.0)

    @property
    def holding(self) -> bool:
        """Whether it starts nothing until a controller speaks."""
        return self._held_at is not None

    def run(self) -> None:
        """Go on until the VM ends."""
        self.recover()
        self._notices.begin()
        while True:
            try:
                self.tick()
            except OSError:  # a full disk must not end the watch over the lease
                logging.exception("a tick failed")
            self._wake.wait(TICK)
            self._wake.clear()

    def recover(self) -> None:
        """Deal with what an earlier life of the runner has left behind."""
        rebooted = bool(self._before) and self._before.get("boot_id") != self._boot_id
        if rebooted:
            self._hold(speaks_after=0.0)
        for entry in self._queue.entries("taken"):
            if self._store.result(entry.attempt_id).exists():
                continue
            if rebooted:
                self._interrupt(entry)
            else:
                self._adopt(entry)

    def tick(self) -> None:
        """Look once at everything."""
        before = self._clock.last
        length = self._clock.tick()
        self._heartbeat += 1
        if self._lease.over():
            self._power_off()
            return
        if length > GAP:
            logging.warning("resumed after %.0f s", length)
            self._hold(speaks_after=before + GAP / 2)
        if self.holding and (self._spoken() or self._clock.last - (self._held_at or 0.0) > HOLD):
            self._held_at = None
        for attempt in self._attempts:
            if self._store.cancelled(attempt.entry.attempt_id):
                attempt.cancel()
        self._attempts = [attempt for attempt in self._attempts if not attempt.ended]
        if not self.holding:
            self._fill_slots()
        self._write_status()

    def _fill_slots(self) -> None:
        taken = {attempt.slot for attempt in self._attempts if attempt.holds_slot}
        for slot in sorted(set(range(self._slots)) - taken):
            entry = self._queue.take(self._has_room)
            if entry is None:
                return
            self._begin(Attempt(self._tools, entry, self._queue.order(entry), slot))

    def _has_room(self, order: dict[str, Any]) -> bool:
        """Say whether an attempt's memory is free beside what is at work; what is alone always has room."""
        reserved = [attempt.reserved for attempt in self._attempts if attempt.holds_slot]
        needed = sum(reserved) + float(order.get("reserved", 0.0))
        return not reserved or needed <= self._memory * (1 + ROUNDING)

    def _begin(self, attempt: Attempt) -> None:
        self._attempts.append(attempt)
        attempt.begin()

    def _hold(self, speaks_after: float) -> None:
        self._held_at = self._now()
        self._speaks_after = speaks_after

    def _spoken(self) -> bool:
        """Say whether a controller has spoken since the gap; a word of just before it does not count."""
        heard = read_json(self._store.root / "heard.json")
        return heard.get("boot_id") == self._boot_id and heard.get("time", 0.0) > self._speaks_after

    def _adopt(self, entry: Entry) -> None:
        """Go on with an attempt whose container may still run: only the runner was away."""
        known = self._before.get("attempts", {}).get(entry.attempt_id, {})
        free = set(range(self._slots)) - {attempt.slot for attempt in self._attempts}
        slot = known.get("slot") if known.get("slot") in free else min(free, default=0)
        order = self._queue.order(entry)
        self._begin(Attempt(self._tools, entry, order, int(slot or 0), known.get("started")))

    def _interrupt(self, entry: Entry) -> None:
        """End an attempt whose memory went with a reboot."""
        known = self._before.get("attempts", {}).get(entry.attempt_id, {})
        kept = {name: known[name] for name in ("slot", "ran", "started") if name in known}
        status = attempt_status(entry, "failed", **kept, error="interrupted by a reboot")
        self._store.attempt(entry.attempt_id)
        write_atomic(self._store.result(entry.attempt_id), json.dumps(status))
        threading.Thread(target=self._remove, args=(f"hads-{entry.attempt_id}",), daemon=True).start()

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError, HTTPException, RunnerError):
            self._engine.wait_until_ready()
            self._engine.remove(name)

    def _write_status(self) -> None:
        seen: list[object] = [self.holding, *((item.entry.attempt_id, item.state) for item in self._attempts)]
        if seen == self._seen and 0 <= self._clock.last - self._written < STATUS_PERIOD:
            return
        self._seen, self._written = seen, self._clock.last
        status = {
            "boot_id": self._boot_id,
            "heartbeat": self._heartbeat,
            "clock": self._clock(),
            "slept": self._clock.slept,
            "time": self._clock.last,
            "holding": self.holding,
            "notice": self._notices.current(),
            "attempts": {attempt.entry.attempt_id: attempt.status() for attempt in self._attempts},
        }
        write_atomic(self._store.root / "status.json", json.dumps(status), durable=False)

    def _power_off(self) -> None:
        if 0 <= self._clock.last - self._powered_off < POWER_OFF_AGAIN:
            return
        self._powered_off = self._clock.last
        logging.warning("the lease is over: powering off")
        command = self._config.get("power_off") or ["shutdown", "-h", "now"]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=POWER_OFF_AGAIN)
        except (OSError, subprocess.SubprocessError):
            logging.exception("could not power off")

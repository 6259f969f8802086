"""One attempt from its order to its result, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import threading
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.vm.runner import results, staging
from airflow_provider_hads.vm.runner.bucket import sha256_of
from airflow_provider_hads.vm.runner.exchanges import attempt_status
from airflow_provider_hads.vm.runner.store import RunnerError, write_atomic
from airflow_provider_hads.vm.runner.web import HttpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_hads.vm.runner.bucket import Bucket
    from airflow_provider_hads.vm.runner.engine import Engine
    from airflow_provider_hads.vm.runner.orders import Entry
    from airflow_provider_hads.vm.runner.store import Store

__all__ = ["Attempt", "Tools"]


class _Cancelled(Exception):
    """The controller has dropped the attempt."""


@dataclass(frozen=True)
class Tools:
    """What all attempts share.

    :param prefix: the run's folder in the bucket.
    :param clock: seconds of work since the runner's first start, time frozen not counted.
    :param wake: tells the loop that a slot is free.
    """

    store: Store
    engine: Engine
    bucket: Bucket
    prefix: str
    clock: Callable[[], float]
    wake: Callable[[], None]


class Attempt:
    """One attempt; its thread moves it on, everyone else only reads.

    :param slot: the slot that it holds until its container has ended.
    :param started: from an earlier life of the runner, whose container is gone on with.
    """

    def __init__(
        self, tools: Tools, entry: Entry, order: dict[str, Any], slot: int, started: float | None = None
    ) -> None:
        self.entry = entry
        self.slot = slot
        self.state = "staging"
        self.ended = False
        self._tools = tools
        self._order = order
        self._started = started
        self._ran: float | None = None
        self._exit_code: int | None = None
        self._error = ""
        self._files: list[dict[str, Any]] = []
        self._cancelled = threading.Event()
        self._name = f"hads-{entry.attempt_id}"
        self._folder = tools.store.attempt(entry.attempt_id)
        self._work = self._folder / "work"

    @property
    def reserved(self) -> float:
        """MB of the VM's memory that are kept for it while it holds its slot."""
        return float(self._order.get("reserved", 0.0))

    @property
    def holds_slot(self) -> bool:
        """Whether its slot is taken."""
        return not self.ended and self.state in ("staging", "running")

    def begin(self) -> None:
        """Start its thread."""
        threading.Thread(target=self.run, name=self._name, daemon=True).start()

    def cancel(self) -> None:
        """Drop it, as soon as its thread notices; does not wait."""
        if self._cancelled.is_set():
            return
        self._cancelled.set()
        threading.Thread(target=self._kill, name=f"kill {self._name}", daemon=True).start()

    def status(self) -> dict[str, Any]:
        """Return what the controller reads about it."""
        started = self._started
        ran = self._ran
        if ran is None:
            ran = self._tools.clock() - started if started is not None else 0.0
        return attempt_status(
            self.entry,
            self.state,
            slot=self.slot,
            exit_code=self._exit_code,
            ran=round(ran, 3),
            started=started,
            files=self._files,
            error=self._error,
        )

    def run(self) -> None:
        """Move it from its order to its result."""
        state = "failed"
        try:
            self._container()
            self._deliver(self._wait())
            state = "failed" if self._error else "finished"
        except _Cancelled:
            state = "cancelled"
        except (RunnerError, OSError, HTTPException) as error:
            self._fail(str(error))
        except Exception as error:
            logging.exception("attempt %s", self.entry.attempt_id)
            self._fail(f"the runner failed: {error!r}")
        self._end(state)

    def _fail(self, problem: str) -> None:
        problem = " ".join(problem.split())
        self._error = f"{self._error}; {problem}" if self._error else problem

    def _check(self) -> None:
        if self._cancelled.is_set() or self._tools.store.cancelled(self.entry.attempt_id):
            raise _Cancelled

    def _container(self) -> None:
        """Have its container running, or ended if the runner was away meanwhile."""
        if not self._order:
            raise RunnerError("its order can't be read")
        engine = self._tools.engine
        engine.wait_until_ready()
        known = engine.inspect(self._name)
        if known is None or known["State"]["Status"] == "created":
            engine.remove(self._name)
            self._stage()
            self._start()
        self.state = "running"
        if self._started is None:
            self._started = self._tools.clock()

    def _stage(self) -> None:
        tools = self._tools
        self._check()
        staging.fetch_image(tools.engine, tools.bucket, self._order["image"])
        self._check()
        staging.stage_files(tools.store, tools.bucket, tools.prefix, self._order["files"], self._work)
        self._check()

    def _start(self) -> None:
        self._tools.engine.create(self._name, self._order, str(self._work))
        self._check()
        try:
            self._tools.engine.start(self._name)
        except HttpError as error:
            if "executable file not found" in error.text or "no such file or directory" in error.text:
                self._exit_code = 127
                raise RunnerError(f"image {self._order['image']} has no shell: exit code 127") from error
            raise

    def _wait(self) -> int:
        if self._cancelled.is_set():  # between the last look and the start
            self._kill()
        exit_code = self._tools.engine.wait(self._name)
        if self._started is not None:
            self._ran = self._tools.clock() - self._started
        self._check()
        self._exit_code = exit_code
        self.state = "uploading"
        self._tools.wake()
        return exit_code

    def _deliver(self, exit_code: int) -> None:
        details = self._tools.engine.inspect(self._name) or {"State": {}}
        output, cut = results.keep_end(self._tools.engine.output(self._name))
        out_of_memory = bool(details["State"].get("OOMKilled"))
        self._error = results.explain_exit(exit_code, out_of_memory, self._order["memory"], output)
        staged = {file["path"]: file["sha256"] for file in self._order["files"]}
        files, notes = results.changed_files(self._work, staged)
        log = self._folder / "container.log"
        self._write_log(output, cut or _rotated(details), notes)
        self._check()
        folder = f"{self._tools.prefix}/{self.entry.task_id}/attempts/{self.entry.attempt_id}"
        try:
            self._tools.bucket.put(f"{folder}/container.log", log, log.stat().st_size, sha256_of(log))
            results.upload_files(self._tools.bucket, f"{folder}/data", self._work, files)
        except (OSError, HTTPException) as error:
            raise RunnerError(f"its results could not be uploaded: {error}") from error
        self._files = files

    def _write_log(self, output: bytes, cut: bool, notes: list[str]) -> None:
        with (self._folder / "container.log").open("wb") as log:
            if cut:
                log.write(b"[hads] the beginning of the output may be cut off: only its end is kept\n")
            log.write(output)
            if notes and not output.endswith(b"\n"):
                log.write(b"\n")
            log.writelines(f"[hads] {note}\n".encode() for note in notes)

    def _kill(self) -> None:
        with contextlib.suppress(OSError, HTTPException):
            self._tools.engine.kill(self._name)

    def _end(self, state: str) -> None:
        self.state = state
        write_atomic(self._tools.store.result(self.entry.attempt_id), json.dumps(self.status()))
        self.ended = True
        self._tools.wake()
        with contextlib.suppress(OSError, HTTPException):
            self._tools.engine.remove(self._name)
        if not self._error:  # else it is left for whoever looks into it
            shutil.rmtree(self._work, ignore_errors=True)


def _rotated(details: dict[str, Any]) -> bool:
    """Say whether Docker has begun a second file for the output, and may have dropped an older one."""
    return bool(details.get("LogPath")) and os.path.exists(f"{details['LogPath']}.1")

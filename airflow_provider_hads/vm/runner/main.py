"""The runner's command line: ``run``, ``start``, ``exchange`` and ``listen``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_hads.vm.runner.store import RunnerError, Store, locked, started_at

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_LONGEST_MESSAGE = 64 * 2**20  # bytes
_LONGEST_SILENCE = 300.0  # seconds; a controller looks every minute at least
_SLICE = 5.0  # seconds for which the input is waited for at a time
_FROZEN = 14.5  # seconds that such a wait takes where the VM was frozen: a little less than the loop's gap
_LOCK_WAIT = 2.0  # seconds; whoever only looks whether the loop runs holds its lock for a moment


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the verbs and return the exit code."""
    parser = argparse.ArgumentParser(prog="runner.py", description="Work off a VM's queue in containers.")
    parser.add_argument("verb", choices=("run", "start", "exchange", "listen"))
    parser.add_argument("--root", type=Path, default=Path("/var/lib/hads"), help="folder of the queue")
    chosen = parser.parse_args(arguments)
    try:
        store = Store(chosen.root)
        {"run": _run, "start": _start, "exchange": _exchange, "listen": _listen}[chosen.verb](store)
    except RunnerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _exchange(store: Store) -> None:
    """Answer the one message that the input is."""
    _answer(store, sys.stdin.buffer.read(_LONGEST_MESSAGE))


def _listen(store: Store) -> None:
    """Answer messages, one a line, until the input ends or nothing has come for long.

    It ends without an answer when the VM has been frozen since the last one, or since its own start: what is
    read then may have been said before, and must not count as a controller's word of now. Who still waits
    says it again.
    """
    since = started_at(Path("/proc"))
    silent = 0.0
    while silent < _LONGEST_SILENCE:
        heard = select.select([sys.stdin], [], [], _SLICE)[0]
        line = sys.stdin.buffer.readline(_LONGEST_MESSAGE) if heard else None
        if line == b"" or time.time() - since > _FROZEN:
            return
        silent = 0.0 if heard else silent + _SLICE
        if line:
            _answer(store, line)
        since = time.time()


def _answer(store: Store, message: bytes) -> None:
    from airflow_provider_hads.vm.runner.exchanges import exchange

    sys.stdout.write(json.dumps(exchange(store, message.decode())) + "\n")
    sys.stdout.flush()
    if store.config():
        _start(store)  # it may have been killed, by a lack of memory for one


def _run(store: Store) -> None:
    from airflow_provider_hads.vm.runner.loop import Loop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with locked(store.root / "runner.lock", _LOCK_WAIT) as mine:
        if not mine:
            raise RunnerError("the runner is running already", os.EX_CANTCREAT)
        config = store.config()
        if not config:
            raise RunnerError(f"the VM is not prepared: no {store.root / 'runner.json'}", os.EX_CONFIG)
        _spare_from_memory_killer()
        Loop(store, config).run()


def _start(store: Store) -> None:
    """Start the loop in a session of its own, unless it runs."""
    with locked(store.root / "runner.lock") as free:
        if not free:
            return
    from subprocess import DEVNULL, Popen

    with (store.root / "runner.log").open("ab") as log:
        Popen(
            [sys.executable, "-I", sys.argv[0], "run", "--root", str(store.root)],
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _spare_from_memory_killer() -> None:
    """Ask the kernel to kill a task rather than the runner."""
    try:
        Path("/proc/self/oom_score_adj").write_text("-900")
    except OSError as error:
        logging.info("the kernel may kill the runner: %s", error)

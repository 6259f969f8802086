"""What a controller says to the VM, and the status that it gets back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.vm.runner.lease import Lease
from airflow_provider_hads.vm.runner.orders import Queue
from airflow_provider_hads.vm.runner.store import (
    RunnerError,
    boot_id,
    is_safe_name,
    locked,
    read_json,
    write_atomic,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_hads.vm.runner.orders import Entry
    from airflow_provider_hads.vm.runner.store import Store

__all__ = ["attempt_status", "exchange", "vm_status"]

_PROC = Path("/proc")
_LOCK_WAIT = 10.0  # seconds


def exchange(store: Store, text: str, now: Callable[[], float] = time.time) -> dict[str, Any]:
    """Do what the controller says and return the VM's status.

    :param text: JSON with ``epoch``, ``expiry`` or null, and the lists ``enqueue``, ``steal`` and ``cancel``.
    :param now: Unix seconds.
    :raises RunnerError: exit code EX_TEMPFAIL for an epoch that is too low, EX_DATAERR for a broken message.
    """
    try:
        message = json.loads(text)
        with locked(store.root / "exchange.lock", _LOCK_WAIT) as mine:
            if not mine:
                raise RunnerError(f"another exchange has been going on for {_LOCK_WAIT:.0f} s")
            return _obey(store, message, now())
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise RunnerError(f"not a valid message: {error!r}", os.EX_DATAERR) from error


def _obey(store: Store, message: dict[str, Any], now: float) -> dict[str, Any]:
    _check_epoch(store, int(message["epoch"]))
    if message.get("expiry") is not None:
        Lease(store).renew(float(message["expiry"]))
    queue = Queue(store)
    for order in message.get("enqueue", ()):
        queue.enqueue(order)
    stolen = [attempt_id for attempt_id in message.get("steal", ()) if queue.steal(attempt_id)]
    for attempt_id in message.get("cancel", ()):
        if is_safe_name(attempt_id):
            (store.root / "cancel" / attempt_id).touch()
    answer = vm_status(store, stolen)
    # Last: a loop that holds starts tasks from here on, and must not before the thefts are done.
    heard = {"boot_id": boot_id(_PROC), "time": now}
    write_atomic(store.root / "heard.json", json.dumps(heard), durable=False)
    return answer


def _check_epoch(store: Store, epoch: int) -> None:
    highest = store.epoch()
    if epoch < highest:
        problem = f"epoch {epoch} is refused: a controller of epoch {highest} has spoken"
        raise RunnerError(problem, os.EX_TEMPFAIL)
    if epoch > highest:
        write_atomic(store.root / "epoch", str(epoch))


def vm_status(store: Store, stolen: list[str]) -> dict[str, Any]:
    """Return all that is known: the loop's last status, and what the files say since.

    :param stolen: ids of the attempts given back just now.
    """
    queue = Queue(store)
    # In the order in which an attempt moves on, so that what is read later is newer.
    attempts = {entry.attempt_id: _waiting(store, entry) for entry in queue.entries("queue")}
    taken = queue.entries("taken")
    attempts.update({entry.attempt_id: attempt_status(entry, "staging") for entry in taken})
    status = read_json(store.root / "status.json")
    attempts.update(status.get("attempts", {}))
    results = {entry.attempt_id: read_json(store.result(entry.attempt_id)) for entry in taken}
    attempts.update({attempt_id: result for attempt_id, result in results.items() if result})
    return {
        "boot_id": boot_id(_PROC),
        "heartbeat": status.get("heartbeat", 0),
        "epoch": store.epoch(),
        "expiry": Lease(store).expiry(),
        "slots": int(store.config().get("slots", 0)),
        "slept": status.get("slept"),
        "holding": status.get("holding", False),
        "notice": status.get("notice"),
        "attempts": attempts,
        "stolen": stolen,
    }


def _waiting(store: Store, entry: Entry) -> dict[str, Any]:
    return attempt_status(entry, "cancelled" if store.cancelled(entry.attempt_id) else "queued")


def attempt_status(entry: Entry, state: str, **more: Any) -> dict[str, Any]:
    """Return one attempt as the controller reads it."""
    return dict({"attempt_id": entry.attempt_id, "task_id": entry.task_id, "state": state}, **more)

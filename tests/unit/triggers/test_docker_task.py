"""What the trigger of a task must leave to threads."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.triggers.docker_task import DockerTaskTrigger

RUN = RunIdentity("job", 0, "uid", "bucket")
VM = VmHandle(RUN, "vm-0", "i-0", "c5.large", Market.SPOT, True, 2, 4000.0, "hads")


def test_the_bucket_is_connected_to_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook asks the event loop for its connection: whoever waits for that in the loop waits for ever."""
    connecting: list[threading.Thread] = []

    def connect(*_: object) -> Bucket:
        connecting.append(threading.current_thread())
        return Bucket(SimpleNamespace(), "bucket")

    monkeypatch.setattr(Bucket, "connect", connect)
    monkeypatch.setattr("airflow_provider_hads.runtime.blocks.tickets.Tickets.latest", lambda *_: None)
    trigger = DockerTaskTrigger(VM.to_xcom(), "task", "aws", "ssh", patience=5.0, until=1e12)

    async def first_event() -> object:
        async for event in trigger.run():
            return event.payload
        return None

    assert "no attempt" in str(asyncio.run(first_event()))
    asyncio.run(trigger.on_kill())
    assert len(connecting) == 2
    assert threading.main_thread() not in connecting

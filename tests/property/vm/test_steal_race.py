"""Of two processes, one that takes and one that steals, exactly one gets each attempt."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import airflow_provider_hads
from airflow_provider_hads.vm.runner.orders import Queue
from airflow_provider_hads.vm.runner.store import Store

TAKER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from airflow_provider_hads.vm.runner.orders import Queue
from airflow_provider_hads.vm.runner.store import Store
for line in sys.stdin:
    queue, taken = Queue(Store(Path(line.strip()))), []
    while entry := queue.take():
        taken.append(entry.attempt_id)
    print(json.dumps(taken), flush=True)
"""


class Taker:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.sides = {"took": 0, "stole": 0}

    def begin(self, root: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{root}\n")
        self.process.stdin.flush()

    def taken(self) -> list[str]:
        assert self.process.stdout
        taken: list[str] = json.loads(self.process.stdout.readline())
        return taken


@pytest.fixture(scope="module")
def taker() -> Iterator[Taker]:
    command = [sys.executable, "-c", TAKER, str(Path(airflow_provider_hads.__file__).parent.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        other = Taker(process)
        yield other
        assert process.stdin
        process.stdin.close()
    assert all(other.sides.values()), f"there was no race: {other.sides}"


@settings(max_examples=30, deadline=None)
@given(order=st.permutations([f"a-{number}" for number in range(40)]))
def test_each_attempt_ends_on_exactly_one_side(taker: Taker, order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        queue = Queue(Store(Path(folder)))
        for number in range(len(order)):
            queue.enqueue({"attempt_id": f"a-{number}", "task_id": "0", "position": number})
        taker.begin(folder)
        stolen = [attempt for attempt in order if queue.steal(attempt)]
        taken = taker.taken()
    taker.sides["took"] += len(taken)
    taker.sides["stole"] += len(stolen)
    assert sorted(stolen + taken) == sorted(order)

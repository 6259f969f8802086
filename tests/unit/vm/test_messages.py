from __future__ import annotations

import json

import pytest

from airflow_provider_hads.exceptions import VmError
from airflow_provider_hads.model.runner import AttemptState, Exchange, ResultFile, StagedFile, TaskOrder
from airflow_provider_hads.vm.messages import RunnerConfig, dump_config, dump_exchange, load_status

STATUS = {
    "boot_id": "b",
    "heartbeat": 3,
    "epoch": 2,
    "expiry": 1e9,
    "slots": 2,
    "holding": False,
    "stolen": ["9"],
}


def test_a_message_is_plain_json() -> None:
    order = TaskOrder("0-1", "0", 3, "true", "synthetic", "/work", 64.0, (StagedFile("a", "00", 1),))
    message = json.loads(dump_exchange(Exchange(epoch=4, expiry=5.5, enqueue=(order,), steal=("1",))))
    assert message["epoch"] == 4
    assert message["expiry"] == 5.5
    assert message["steal"] == ["1"]
    assert message["enqueue"][0]["files"] == [{"path": "a", "sha256": "00", "size": 1, "mode": 0o644}]


def test_a_status_becomes_the_words_of_the_model() -> None:
    files = [{"path": "out", "sha256": "00", "size": 7}]
    attempt = {"attempt_id": "0-1", "task_id": "0", "state": "finished", "exit_code": 0, "files": files}
    status = load_status(json.dumps({**STATUS, "holding": True, "attempts": {"0-1": attempt}}).encode())
    assert status.holding
    assert status.stolen == ("9",)
    assert status.attempts["0-1"].state is AttemptState.FINISHED
    assert status.attempts["0-1"].files == (ResultFile("out", "00", 7),)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"", "not a status"),
        (b"Welcome to Ubuntu", "Welcome to Ubuntu"),
        (json.dumps({**STATUS, "heartbeat": "never"}).encode(), "heartbeat"),
        (json.dumps({**STATUS, "attempts": {"1": {"state": "odd"}}}).encode(), "attempts.1"),
    ],
)
def test_what_is_no_status_is_said_to_be_none(answer: bytes, complaint: str) -> None:
    with pytest.raises(VmError, match=complaint):
        load_status(answer)


def test_a_runner_is_told_where_its_run_is() -> None:
    config = RunnerConfig(
        prefix="12_0", bucket="b", region="us-east-1", endpoint=None, slots=2, memory=4096.0
    )
    expected = {
        "prefix": "12_0",
        "bucket": "b",
        "region": "us-east-1",
        "endpoint": None,
        "slots": 2,
        "memory": 4096.0,
    }
    assert json.loads(dump_config(config)) == expected

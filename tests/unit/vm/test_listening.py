"""The runner's process that goes on listening: when it answers, and when it ends instead."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_hads.vm.runner import main as program

NOW = 1000.0


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let the listener hear lines, and return what it answers; the clock stands still but for jumps."""
    reading, writing = os.pipe()
    answers = io.StringIO()

    def listen(*lines: str, frozen: float = 0.0, started: float = 0.0) -> list[str]:
        monkeypatch.setattr(program, "time", SimpleNamespace(time=lambda: NOW + frozen))
        monkeypatch.setattr(program, "started_at", lambda proc: NOW - started)
        os.write(writing, "".join(f"{line}\n" for line in lines).encode())
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as raw:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=raw, fileno=raw.fileno))
            monkeypatch.setattr(sys, "stdout", answers)
            assert program.main(["listen", "--root", str(tmp_path / "hads")]) == 0
        return answers.getvalue().splitlines()

    return listen


def message(epoch: int) -> str:
    return json.dumps({"epoch": epoch})


def test_each_line_has_an_answer_until_the_input_ends(said: Callable[..., list[str]]) -> None:
    answers = said(message(1), message(2))

    assert [json.loads(answer)["epoch"] for answer in answers] == [1, 2]


def test_after_a_freeze_what_was_said_before_is_not_heard(said: Callable[..., list[str]]) -> None:
    assert said(message(1), frozen=15.0) == []


def test_nor_where_it_was_frozen_while_it_started(said: Callable[..., list[str]]) -> None:
    assert said(message(1), started=15.0) == []


def test_a_busy_vm_is_not_taken_for_a_frozen_one(said: Callable[..., list[str]]) -> None:
    assert len(said(message(1), started=9.0)) == 1

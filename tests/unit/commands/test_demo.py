"""The parts of the demo that need no cloud."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from airflow_provider_hads.commands.demo import DemoFolder, copy_to, shorten
from airflow_provider_hads.exceptions import HadsError


def test_a_long_result_is_shown_by_its_ends() -> None:
    assert shorten(["a", "b", "c", "d", "e", "f"], head=2, tail=1) == ["a", "b", "...", "f"]


def test_a_short_result_is_shown_whole() -> None:
    assert shorten(["a", "b", "c", "d"], head=2, tail=1) == ["a", "b", "c", "d"]


def test_every_line_of_the_run_is_in_the_log_before_it_is_told() -> None:
    log = io.StringIO()

    for line in copy_to(log, ["one\n", "two\n"]):
        assert log.getvalue().endswith(line)


def test_a_second_demo_does_not_end_the_first_ones_cloud(tmp_path: Path) -> None:
    first, second = DemoFolder(tmp_path), DemoFolder(tmp_path)

    with first.in_use(), pytest.raises(HadsError, match="another demo is running"), second.in_use():
        pass

    with second.in_use():
        pass


def test_the_demo_sees_nothing_of_the_users_airflow_and_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HADS__BUCKET", "a-real-bucket")
    monkeypatch.setenv("AWS_PROFILE", "a-real-account")

    environment = DemoFolder(tmp_path / "demo").environment(
        Path("/dags"), {"AIRFLOW__HADS__IMAGE_ID": "ami-1"}
    )

    assert "AIRFLOW__HADS__BUCKET" not in environment
    assert "AWS_PROFILE" not in environment
    assert environment["AIRFLOW__HADS__IMAGE_ID"] == "ami-1"
    assert environment["AIRFLOW_HOME"] == str(tmp_path / "demo" / "airflow")

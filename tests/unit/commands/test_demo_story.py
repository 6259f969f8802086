"""The demo shows the provider's lines of Airflow's log, and only those."""

from __future__ import annotations

from airflow_provider_hads.commands.demo_story import tell_story


def line(second: int, event: str, logger: str, level: str = "info") -> str:
    return f"2026-01-02T03:04:{second:02d}.500000Z [{level:<9}] {event:<30} [{logger}] loc=file.py:12 n=1\n"


def test_shows_the_providers_lines_with_the_seconds_since_the_first() -> None:
    log = [
        line(1, "DagRun started", "airflow.models.dagrun"),
        line(2, "The plan", "airflow_provider_hads.runtime.scheduling"),
        line(
            9, "vm-0 is ready", "airflow.task.operators.airflow_provider_hads.operators.deploy.DeployOperator"
        ),
    ]

    assert list(tell_story(log)) == ["    0.0 s  The plan", "    7.0 s  vm-0 is ready"]


def test_keeps_brackets_and_the_columns_of_a_table() -> None:
    log = [line(1, "vm-0  [t2.micro]   1", "airflow_provider_hads.a")]

    assert list(tell_story(log)) == ["    0.0 s  vm-0  [t2.micro]   1"]


def test_shows_one_time_where_the_line_has_its_own() -> None:
    log = [line(1, "[  23.8 s] vm-0 is ready", "airflow_provider_hads.a")]

    assert list(tell_story(log)) == ["    0.0 s  vm-0 is ready"]


def test_marks_what_is_more_than_information() -> None:
    log = [line(1, "vm-1 was not launched", "airflow_provider_hads.a", level="warning")]

    assert list(tell_story(log)) == ["    0.0 s  warning: vm-1 was not launched"]


def test_leaves_folded_groups_out() -> None:
    events = ["::group::Container log", "from the container", "::endgroup::", "Task 0 has ended"]
    log = [line(1, event, "airflow_provider_hads.a") for event in events]

    assert list(tell_story(log)) == ["    0.0 s  Task 0 has ended"]


def test_leaves_out_what_every_sensor_says() -> None:
    logger = "airflow.task.operators.airflow_provider_hads.sensors.supervise.SuperviseSensor"

    assert list(tell_story([line(1, "Success criteria met. Exiting.", logger)])) == []


def test_passes_over_what_is_no_log_line() -> None:
    assert list(tell_story(["Traceback (most recent call last):\n", "\n"])) == []

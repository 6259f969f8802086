"""What the command line of the local cloud refuses before anything is started."""

from __future__ import annotations

import pytest

from airflow_provider_hads.commands.local_cloud import main


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "-1"),
        ("--port", "99999"),
        ("--port", "http"),
        ("--boot-seconds", "-3"),
        ("--boot-seconds", "nan"),
        ("--relaunch-seconds", "soon"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_a_line(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["up", f"{option}={value}"])

    assert refusal.value.code == 2
    assert f"argument {option}: '{value}' is " in capsys.readouterr().err

"""What the command line of the local cloud refuses before anything is started."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["interrupt"], "required: vm"),
        (["interrupt", "i-1", "--action", "explode"], "invalid choice: 'explode'"),
        (["interrupt", "i-1", "--notice", "-1"], "'-1' is not right: give seconds"),
        (["hazard", "--hibernation-rate", "often"], "invalid float value: 'often'"),
        (["fault", "--api", "explode"], "invalid choice: 'explode'"),
        (["no-capacity"], "required: what"),
    ],
)
def test_trouble_that_is_not_understood_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)

    assert refusal.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["bill"], ["interrupt", "i-1"], ["hazard", "--off"]])
def test_without_a_cloud_it_is_said_how_to_get_one(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="start one with `up`"):
        main([*arguments, "--state-dir", str(tmp_path)])

"""The ``[hads]`` section of Airflow's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.dag_factory import build_job_dag
from airflow_provider_hads.exceptions import InputError


def test_a_run_waits_as_long_between_its_last_looks_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_configuration().ending_pause == 10.0
    monkeypatch.setenv("AIRFLOW__HADS__ENDING_PAUSE", "2.5")
    assert read_configuration().ending_pause == 2.5


@pytest.mark.parametrize("value", ["-1", "61", "nan"])
def test_a_pause_with_which_no_run_could_end_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AIRFLOW__HADS__ENDING_PAUSE", value)
    with pytest.raises(InputError, match=rf"airflow.cfg: hads.ending_pause: {value} is not from 0 to 60"):
        read_configuration()


@pytest.mark.parametrize(
    ("option", "value"), [("boot_timeout", "5"), ("boot_timeout", "3601"), ("margin", "nan")]
)
def test_times_that_a_job_could_not_be_triggered_with_are_refused(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__HADS__{option.upper()}", value)
    with pytest.raises(
        InputError, match=rf"airflow.cfg: hads.{option}: {value} is not from 10 to [0-9]+ sec"
    ):
        read_configuration()


@pytest.mark.parametrize(
    ("option", "value"),
    [("boot_timeout", 10.0), ("boot_timeout", 3600.0), ("margin", 10.0), ("margin", 86400.0)],
)
def test_what_is_not_refused_is_a_value_of_the_dags_param(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, value: float
) -> None:
    monkeypatch.setenv(f"AIRFLOW__HADS__{option.upper()}", str(value))
    assert build_job_dag(tmp_path).params.get_param(option).resolve() == value

"""The ``[hads]`` section of Airflow's configuration."""

from __future__ import annotations

import pytest

from airflow_provider_hads.configuration import read_configuration
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

"""Interruptions at random are for local clouds only."""

from __future__ import annotations

import json

import pytest

from airflow_provider_hads.exceptions import CloudError, InputError
from airflow_provider_hads.runtime.local_hazard import LocalHazard


def connection(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    document = {"conn_type": "aws", "extra": {"region_name": "us-east-1", **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_SOME_AWS", json.dumps(document))


def test_without_a_rate_nothing_is_asked_of_any_cloud() -> None:
    with LocalHazard("no_such_connection", 0.0, 0.0):
        pass


def test_a_real_cloud_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch)
    with pytest.raises(InputError, match="is for a local cloud, and connection 'some_aws' leads to none"):
        LocalHazard("some_aws", 0.01, 0.0).__enter__()


def test_a_local_cloud_that_is_down_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, endpoint_url="http://127.0.0.1:9", local_cloud_token="token")
    with pytest.raises(CloudError, match="The local cloud does not answer"):
        LocalHazard("some_aws", 0.0, 0.01).__enter__()

"""A process reads botocore's descriptions of AWS once."""

from __future__ import annotations

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.loaders import JSONFileLoader

from airflow_provider_hads.service_data import share_service_data


def client_of_a_new_hook() -> object:
    """A client as a task makes it."""
    hook = AwsBaseHook(aws_conn_id=None, client_type="sqs", region_name="us-east-1")
    share_service_data(hook)
    client: object = hook.get_client_type()
    return client


def test_the_second_client_reads_nothing_that_the_first_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first = client_of_a_new_hook()
    read: list[str] = []
    load = JSONFileLoader.load_file

    def noting(loader: JSONFileLoader, path: str) -> object:
        found = load(loader, path)
        if found is not None:
            read.append(path)
        return found

    monkeypatch.setattr(JSONFileLoader, "load_file", noting)
    second = client_of_a_new_hook()

    assert type(second).__name__ == "SQS"
    assert second is not first
    assert read == []

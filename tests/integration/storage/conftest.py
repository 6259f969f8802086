"""A bucket on a moto server, reached as Airflow reaches S3: through a connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout

REGION = "us-east-1"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Iterator[Any]:
    """Return a plain client, to look at the bucket past the code under test."""
    session = boto3.Session("a", "s", region_name=REGION)
    client = session.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="hads-test")
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="hads-test"):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            client.delete_objects(Bucket="hads-test", Delete={"Objects": keys})
    client.close()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of an Airflow connection."""
    extra = {"endpoint_url": endpoint, "region_name": REGION}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_HADS_TEST_AWS", json.dumps(connection))
    return "hads_test_aws"


@pytest.fixture
def bucket(aws: str, s3: Any) -> Bucket:
    return Bucket.connect(aws, "hads-test")


@pytest.fixture
def layout() -> RunLayout:
    return RunLayout("12_0")

"""A moto server as EC2, reached as Airflow reaches AWS: through a connection."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

SECRET = "local-secret-that-must-show-nowhere"
REGION = "us-east-1"


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of an Airflow connection to an empty cloud."""
    connection = {
        "conn_type": "aws",
        "login": "local-key",
        "password": SECRET,
        "extra": {"endpoint_url": endpoint_url, "region_name": REGION},
    }
    monkeypatch.setenv("AIRFLOW_CONN_HADS_TEST_AWS", json.dumps(connection))
    return "hads_test_aws"


@pytest.fixture(scope="session")
def ec2(endpoint_url: str) -> Any:
    """Return a plain client, to look at the cloud past the code under test."""
    return boto3.client(
        "ec2",
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="local-key",
        aws_secret_access_key=SECRET,
    )


@pytest.fixture(scope="session")
def image_id(ec2: Any) -> str:
    images = ec2.describe_images(Owners=["amazon"])["Images"]
    return str(images[0]["ImageId"])


@pytest.fixture(scope="session")
def instance_profile(endpoint_url: str) -> str:
    keys = {"aws_access_key_id": "local-key", "aws_secret_access_key": SECRET}
    iam = boto3.client("iam", region_name=REGION, endpoint_url=endpoint_url, **keys)
    iam.create_instance_profile(InstanceProfileName="hads-vm")
    return "hads-vm"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls that go out, by operation."""
    from botocore.client import BaseClient

    counted: Counter[str] = Counter()
    make_api_call = BaseClient._make_api_call

    def counting(client: Any, operation: str, request: dict[str, Any]) -> Any:
        counted[f"{client.meta.service_model.service_name}:{operation}"] += 1
        return make_api_call(client, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", counting)
    return counted

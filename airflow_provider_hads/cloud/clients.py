"""boto3 clients through the amazon provider's hooks, with time-outs and bounded retries."""

from __future__ import annotations

from typing import Any

from airflow_provider_hads.cloud.errors import translated
from airflow_provider_hads.service_data import share_service_data

__all__ = ["cloudwatch_client", "ec2_client", "pricing_client", "sqs_client"]

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 20.0
ATTEMPTS = 3
PRICING_REGION = "us-east-1"
"""The Pricing API is in few regions only; this one knows the prices of all."""


def ec2_client(aws_conn_id: str | None, region: str | None) -> Any:
    """Return an EC2 client.

    :param aws_conn_id: the AWS connection; None takes boto3's own search for credentials.
    :param region: overrides the connection's.
    :raises CloudError: the connection gives no region or no credentials.
    """
    from airflow.providers.amazon.aws.hooks.ec2 import EC2Hook

    return _client(EC2Hook(api_type="client_type", aws_conn_id=aws_conn_id, region_name=region), "ec2")


def cloudwatch_client(aws_conn_id: str | None, region: str | None) -> Any:
    """Return a CloudWatch client.

    :param aws_conn_id: the AWS connection; None takes boto3's own search for credentials.
    :param region: overrides the connection's.
    :raises CloudError: the connection gives no region or no credentials.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook: Any = AwsBaseHook(aws_conn_id=aws_conn_id, client_type="cloudwatch", region_name=region)
    return _client(hook, "cloudwatch")


def pricing_client(aws_conn_id: str | None) -> Any:
    """Return a Pricing client; a custom ``endpoint_url`` of the connection holds for it too.

    :param aws_conn_id: the AWS connection; None takes boto3's own search for credentials.
    :raises CloudError: the connection gives no credentials.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook: Any = AwsBaseHook(aws_conn_id=aws_conn_id, client_type="pricing", region_name=PRICING_REGION)
    return _client(hook, "pricing")


def sqs_client(aws_conn_id: str | None, region: str | None) -> Any:
    """Return an SQS client.

    :param aws_conn_id: the AWS connection; None takes boto3's own search for credentials.
    :param region: overrides the connection's.
    :raises CloudError: the connection gives no region or no credentials.
    """
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook

    return _client(SqsHook(aws_conn_id=aws_conn_id, region_name=region), "sqs")


def _client(hook: Any, service: str) -> Any:
    from botocore.config import Config

    share_service_data(hook)
    ours = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    with translated(f"{service} client"):
        # What the connection's own config_kwargs say (a proxy, say) wins over ours.
        return hook.get_client_type(region_name=hook.region_name, config=ours.merge(hook.config))

"""CPU credits in CloudWatch, as EC2 counts them every five minutes."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_hads.cloud.clients import cloudwatch_client
from airflow_provider_hads.cloud.credits import CloudWatchCredits
from airflow_provider_hads.exceptions import CloudError


def count(aws: str, instance_id: str, balance: float, minutes_ago: float) -> datetime:
    """Put a balance into CloudWatch, and return its time."""
    moment = datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)
    datum = {
        "MetricName": "CPUCreditBalance",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Timestamp": moment,
        "Value": balance,
    }
    cloudwatch_client(aws, None).put_metric_data(Namespace="AWS/EC2", MetricData=[datum])
    return moment


def test_the_latest_balance_of_each_instance_is_read_by_one_call(aws: str, calls: Counter[str]) -> None:
    count(aws, "i-old", 20.0, minutes_ago=40)
    count(aws, "i-poor", 12.0, minutes_ago=8)
    latest = count(aws, "i-poor", 3.5, minutes_ago=3)
    count(aws, "i-rich", 144.0, minutes_ago=3)
    calls.clear()

    found = CloudWatchCredits.connect(aws).balances(["i-old", "i-poor", "i-rich", "i-unknown"])

    assert {instance: counted.credits for instance, counted in found.items()} == {
        "i-poor": 3.5,
        "i-rich": 144.0,
    }
    assert timedelta(0) <= latest - found["i-poor"].counted_at <= timedelta(minutes=1)
    assert calls == {"cloudwatch:GetMetricData": 1}


def test_without_any_instance_there_is_no_call(aws: str, calls: Counter[str]) -> None:
    assert CloudWatchCredits.connect(aws).balances([]) == {}
    assert not calls


def test_a_cloud_that_does_not_answer_is_an_error_of_the_cloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_HADS_DEAD_AWS",
        "aws://key:secret@/?endpoint_url=http%3A%2F%2F127.0.0.1%3A9&region_name=us-east-1",
    )

    with pytest.raises(CloudError, match="GetMetricData for CPUCreditBalance"):
        CloudWatchCredits.connect("hads_dead_aws").balances(["i-1"])

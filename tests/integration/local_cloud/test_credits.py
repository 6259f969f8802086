"""CPUCreditBalance in CloudWatch follows what a VM really does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from airflow_provider_hads.local_cloud.credit_metrics import PERIOD_SECONDS
from tests.support.local_vms import eventually, launch, wait_for_state

pytestmark = pytest.mark.docker

HIBERNATES = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "hibernate"}


def balances(cloud: LocalCloud, vm: str) -> list[float]:
    """All balances that CloudWatch has of a VM, the oldest first."""
    now = datetime.now(timezone.utc)
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUCreditBalance",
        "Dimensions": [{"Name": "InstanceId", "Value": vm}],
    }
    query: dict[str, Any] = {
        "Id": "balance",
        "MetricStat": {"Metric": metric, "Period": 1, "Stat": "Average"},
    }
    start, end = now - timedelta(minutes=5), now + timedelta(seconds=5)
    answer = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    return list(answer["MetricDataResults"][0]["Values"])


def test_a_burstable_vm_earns_credits_while_it_runs_and_none_while_it_is_frozen(cloud: LocalCloud) -> None:
    market = {"MarketType": "spot", "SpotOptions": HIBERNATES}
    # Its rate is what one vCPU needs twice over, so that it earns more than its boot can cost.
    vm = launch(cloud, InstanceType="t3.2xlarge", InstanceMarketOptions=market)
    other = launch(cloud, InstanceType="c5.large")
    wait_for_state(cloud, vm, "running")

    running = eventually(lambda: [one for one in [balances(cloud, vm)] if len(one) >= 2][-1:], 60)[0]
    cloud.interrupt(vm)
    before = len(balances(cloud, vm))
    frozen = eventually(lambda: [one for one in [balances(cloud, vm)] if len(one) >= before + 3][-1:], 60)[0]

    assert 0 < running[-1] <= 192 / 3600 * (PERIOD_SECONDS + 60)
    assert frozen[-1] == frozen[-2]
    assert balances(cloud, other) == []

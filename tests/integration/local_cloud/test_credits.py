"""CPUCreditBalance in CloudWatch follows what a VM really does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_hads.cloud.credits import CloudWatchCredits
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import eventually, launch, wait_for_state

pytestmark = pytest.mark.docker

RATE = 192
"""Credits an hour of a t3.2xlarge: more than its boot can cost."""
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
    vm = launch(cloud, InstanceType="t3.2xlarge", InstanceMarketOptions=market)
    other = launch(cloud, InstanceType="c5.large")
    wait_for_state(cloud, vm, "running")

    earned = eventually(lambda: [balance for balance in balances(cloud, vm) if balance > 0], 60)[-1]
    billed = next(item.seconds for item in cloud.bill() if item.instance_id == vm)
    assert earned <= RATE / 3600 * billed
    # The local CloudWatch leaves out what was counted in this second.
    told = eventually(lambda: CloudWatchCredits(cloud.client("cloudwatch")).balances([vm, other]), 10)
    assert [*told] == [vm]
    assert 0 <= told[vm].credits <= RATE / 3600 * (billed + 60)
    cloud.interrupt(vm)
    before = len(balances(cloud, vm))
    frozen = eventually(lambda: balances(cloud, vm)[before + 1 :][1:], 60)

    assert set(frozen) == {balances(cloud, vm)[before + 1]}
    assert balances(cloud, other) == []

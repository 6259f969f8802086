"""CPU credits of burstable VMs, as CloudWatch counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_hads.cloud.clients import cloudwatch_client
from airflow_provider_hads.cloud.errors import translated
from airflow_provider_hads.cloud.requests import METRICS_OF_A_CALL, credit_balances_request
from airflow_provider_hads.model.fleet import CountedCredits

__all__ = ["CloudWatchCredits"]

LOOK_BACK = timedelta(minutes=15)
"""How old a balance may be: EC2 counts every five minutes, and CloudWatch may be some minutes late."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


class CloudWatchCredits:
    """The balances of burstable instances; the ``CreditsPort`` of EC2.

    :param client: a boto3 CloudWatch client; see :meth:`connect`.
    :param now: tells the time.
    """

    def __init__(self, client: Any, *, now: Callable[[], datetime] = _now) -> None:
        self._client = client
        self._now = now

    @classmethod
    def connect(cls, aws_conn_id: str | None, region: str | None = None) -> CloudWatchCredits:
        """Return the reader of a region's balances.

        :param aws_conn_id: id of the AWS connection; None takes boto3's own search for credentials.
        :param region: overrides the connection's.
        :raises CloudError: the connection gives no region or no credentials.
        """
        return cls(cloudwatch_client(aws_conn_id, region))

    def balances(self, instance_ids: Sequence[str]) -> dict[str, CountedCredits]:
        """Return the latest balance of each instance that has one, by one call for 500 instances.

        A call costs money, by the number of instances ($0.01 for 1,000 of them in 2026): ask every few
        minutes.

        :raises CloudError: CloudWatch did not answer.
        """
        now = self._now()
        found: dict[str, CountedCredits] = {}
        for first in range(0, len(instance_ids), METRICS_OF_A_CALL):
            ids = instance_ids[first : first + METRICS_OF_A_CALL]
            request = credit_balances_request(ids, now - LOOK_BACK, now)
            for result in self._results(request):
                # A result may come in several parts, the newest first.
                if result["Values"]:
                    counted = CountedCredits(float(result["Values"][0]), _utc(result["Timestamps"][0]))
                    found.setdefault(ids[int(result["Id"][1:])], counted)
        return found

    def _results(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        with translated("GetMetricData", "CPUCreditBalance"):
            for page in self._client.get_paginator("get_metric_data").paginate(**request):
                yield from page["MetricDataResults"]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc)

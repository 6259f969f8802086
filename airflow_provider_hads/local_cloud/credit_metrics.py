"""CPUCreditBalance of burstable instances in CloudWatch, from the processor time that they use."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.models import DEFAULT_ACCOUNT_ID

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.containers import VmContainers
from airflow_provider_hads.local_cloud.credits import CreditAccount, credit_terms
from airflow_provider_hads.local_cloud.ec2 import LocalEc2
from airflow_provider_hads.local_cloud.instance import VmInstance

__all__ = ["CreditMetrics"]

_log = logging.getLogger(__name__)
PERIOD_SECONDS = 2.0
"""How often a balance is told; EC2 does so every five minutes."""


@dataclass
class _Watch:
    """What is known of one VM since it was looked at last."""

    account: CreditAccount
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class CreditMetrics:
    """Follows all burstable instances, and puts their balances into CloudWatch."""

    def __init__(self, ec2: LocalEc2, containers: VmContainers) -> None:
        self._ec2 = ec2
        self._containers = containers
        self._watches: dict[str, _Watch] = {}
        threading.Thread(target=self._run, name="credits", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD_SECONDS)
            with self._ec2.lock:
                now = datetime.now(timezone.utc)
                known = [one for one in self._ec2.machines() if not one.ended]
                looked_at = [(one, one.meter.seconds(now), one.state) for one in known]
            for machine, seconds, state in looked_at:
                self._look(machine, seconds, running=state == "running")

    def _look(self, machine: VmInstance, seconds: float, running: bool) -> None:
        terms = credit_terms(machine.instance_type)
        if terms is None:
            return
        watch = self._watches.setdefault(machine.id, _Watch(CreditAccount(terms)))
        if running:
            try:
                cpu_seconds = self._containers.cpu_seconds(machine.id)
            except (CloudError, OSError, KeyError) as error:
                _log.info("%s: processor time not known: %s", machine.id, error)
                return
            if cpu_seconds < watch.cpu_seconds:  # a fresh boot counts from 0
                watch.cpu_seconds = 0.0
            watch.account.run(seconds - watch.seconds, cpu_seconds - watch.cpu_seconds)
            watch.seconds, watch.cpu_seconds = seconds, cpu_seconds
        _put(machine, watch.account.balance)


def _put(machine: VmInstance, balance: float) -> None:
    datum = {
        "MetricName": "CPUCreditBalance",
        "Dimensions": [{"Name": "InstanceId", "Value": machine.id}],
        "Timestamp": datetime.now(timezone.utc).replace(tzinfo=None),  # as moto keeps and compares them
        "Value": balance,
        "Unit": "Count",
    }
    backend = cloudwatch_backends[DEFAULT_ACCOUNT_ID][machine.region_name]
    backend.put_metric_data("AWS/EC2", [datum])

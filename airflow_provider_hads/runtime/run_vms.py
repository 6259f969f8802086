"""The VMs of one run, as its controller speaks to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_hads.model.fleet import Instance
    from airflow_provider_hads.model.runner import Exchange, VmStatus
    from airflow_provider_hads.vm.gateway import VmGateway
    from airflow_provider_hads.vm.messages import RunnerConfig

__all__ = ["RunVms"]


class RunVms:
    """Implements :class:`~airflow_provider_hads.control.ports.VmPort` over SSH.

    :param gateway: the kept connections.
    :param configs: what a runner is told, by instance type.
    """

    def __init__(self, gateway: VmGateway, configs: Mapping[str, RunnerConfig]) -> None:
        self._gateway = gateway
        self._configs = configs

    def prepare(self, instance: Instance, until: datetime) -> None:
        """Wait for SSH, then install and start the runner.

        :param until: when to give up, UTC.
        :raises VmError: it could not be done by then.
        """
        timeout = max((until - datetime.now(timezone.utc)).total_seconds(), 1.0)
        config = self._configs[instance.instance_type]
        self._gateway.prepare(instance, config, timeout=timeout)

    def forget(self, instance: Instance) -> None:
        """End the calls to a VM that are under way: it can't answer them any more."""
        self._gateway.forget(instance.instance_id)

    def exchange(self, instance: Instance, message: Exchange) -> VmStatus:
        """Tell a VM something, and hear all about it.

        :raises VmError: it did not answer, or refused.
        """
        return self._gateway.exchange(instance, message)

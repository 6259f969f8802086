"""The EC2 calls that behave otherwise than moto's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, cast

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Reservation
from moto.ec2.responses import EC2Response

from airflow_provider_hads.local_cloud.backend import Launch, LocalEc2Backend, machines_of
from airflow_provider_hads.local_cloud.instance import HIBERNATED_BY_USER, INITIATED_BY_USER, VmInstance
from airflow_provider_hads.local_cloud.price_history import PriceQuery, spot_price_history
from airflow_provider_hads.local_cloud.prices import ON_DEMAND, SPOT
from airflow_provider_hads.local_cloud.spot import SpotTerms

__all__ = ["NO_CAPACITY", "LocalEc2Response"]

NO_CAPACITY = "InsufficientInstanceCapacity"
"""EC2 counts it among the errors of the server (HTTP 500), so that clients try again by themselves."""


class LocalEc2Response(EC2Response):
    """EC2 of the local cloud; all that is not here is moto's."""

    @property
    def _backend(self) -> LocalEc2Backend:
        return cast(LocalEc2Backend, self.ec2_backend)

    def run_instances(self) -> ActionResult:
        """Launch, once for each ClientToken."""
        token = str(self._get_param("ClientToken") or "")
        digest = _digest(self.params)
        known = self._backend.launches.get(token) if token else None
        if known is not None:
            return self._repeated(known, digest)
        terms = self._spot_terms()
        self._check_capacity(ON_DEMAND if terms is None else SPOT)
        result = super().run_instances()
        reservation = cast(Reservation, result.result)
        for instance in machines_of(reservation):
            instance.cpu_credits = self._get_param("CreditSpecification", {}).get("CpuCredits")
        self._backend.bring_up(reservation, terms)
        if token:
            self._backend.launches[token] = Launch(digest, reservation)
        return result

    def _check_capacity(self, market: str) -> None:
        instance_type = str(self._get_param("InstanceType") or "")
        if not self._backend.capacity.has(instance_type, market):
            problem = (
                f"We currently do not have sufficient {instance_type} capacity in the zone you asked for."
            )
            raise EC2ClientError(NO_CAPACITY, problem)

    @staticmethod
    def _repeated(known: Launch, digest: str) -> ActionResult:
        if known.digest != digest:
            problem = "The idempotent token has been used with different parameters before."
            raise EC2ClientError("IdempotentParameterMismatch", problem)
        return ActionResult(known.reservation)

    def _spot_terms(self) -> SpotTerms | None:
        market = self._get_param("InstanceMarketOptions", {})
        if market.get("MarketType") != "spot":
            return None
        options = market.get("SpotOptions", {})
        persistent = options.get("SpotInstanceType", "one-time") == "persistent"
        behavior = options.get("InstanceInterruptionBehavior", "terminate")
        if behavior != "terminate" and not persistent:
            problem = f"Interruption behavior '{behavior}' needs a spot request of type 'persistent'."
            raise EC2ClientError("InvalidParameterCombination", problem)
        return SpotTerms(persistent, behavior, _aware(options.get("ValidUntil")), options.get("MaxPrice"))

    def describe_instance_credit_specifications(self) -> ActionResult:
        """Tell the credit terms of the launch."""
        found = self._backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        terms = [instance.credit_specification for instance in found if isinstance(instance, VmInstance)]
        return ActionResult({"InstanceCreditSpecifications": terms})

    def stop_instances(self) -> ActionResult:
        """Stop or hibernate instances for their user."""
        self.error_on_dryrun()
        hibernates = bool(self._get_param("Hibernate", False))
        machines = self._machines()
        for machine in machines:
            self._check_stop(machine, hibernates)
        changes = [_change(machine, lambda one: self._stop(one, hibernates)) for machine in machines]
        return ActionResult({"StoppingInstances": changes})

    def start_instances(self) -> ActionResult:
        """Start instances that their user has stopped; what EC2 has stopped only EC2 starts."""
        self.error_on_dryrun()
        machines = self._machines()
        for machine in machines:
            self._check_start(machine)
        return ActionResult({"StartingInstances": [_change(machine, self._start) for machine in machines]})

    def _machines(self) -> list[VmInstance]:
        found = self._backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        return [instance for instance in found if isinstance(instance, VmInstance)]

    def _check_stop(self, machine: VmInstance, hibernates: bool) -> None:
        if machine.state not in ("running", "stopping", "stopped"):
            problem = f"This instance '{machine.id}' is not in a state from which it can be stopped."
            raise EC2ClientError("IncorrectInstanceState", problem)
        if hibernates and not (machine.hibernation_options or {}).get("Configured"):
            problem = f"The instance '{machine.id}' was not launched with hibernation."
            raise EC2ClientError("UnsupportedHibernationConfiguration", problem)
        request = self._backend.spot_request_of(machine)
        if request is not None and not request.terms.persistent:
            problem = f"You can't stop the Spot Instance '{machine.id}': its request is one-time."
            raise EC2ClientError("UnsupportedOperation", problem)

    def _check_start(self, machine: VmInstance) -> None:
        request = self._backend.spot_request_of(machine)
        if request is not None and (request.stopped_by_service or request.state != "disabled"):
            problem = f"You can't start the Spot Instance '{machine.id}': EC2 does, when there is capacity."
            raise EC2ClientError("IncorrectSpotRequestState", problem)
        if machine.state not in ("stopped", "running", "pending"):
            problem = f"The instance '{machine.id}' is not in a state from which it can be started."
            raise EC2ClientError("IncorrectInstanceState", problem)

    def _stop(self, machine: VmInstance, hibernates: bool) -> None:
        if machine.state == "running":
            machine.begin_stop(HIBERNATED_BY_USER if hibernates else INITIATED_BY_USER, frozen=hibernates)
            request = self._backend.spot_request_of(machine)
            if request is not None:
                request.instance_stopped(by_user=True)
            self._backend.lifecycle.stop(machine)

    def _start(self, machine: VmInstance) -> None:
        if machine.state == "stopped":
            request = self._backend.spot_request_of(machine)
            if request is not None:
                request.instance_started()
            machine.begin_start(keep_memory=True)
            self._backend.lifecycle.start_again(machine)

    def get_console_output(self) -> ActionResult:
        """Return the machine's real console."""
        instance = self._backend.get_instance(self._get_param("InstanceId"))
        text = instance.console if isinstance(instance, VmInstance) else ""
        if not text and instance.state != "terminated":
            text = self._backend.lifecycle.containers.console(instance.id)
        output = Base64EncodedString.from_raw_string(text)
        now = datetime.now(timezone.utc)
        return ActionResult({"InstanceId": instance.id, "Timestamp": now, "Output": output})

    def describe_spot_price_history(self) -> ActionResult:
        """Return the local cloud's own spot prices."""
        filters: Mapping[str, Any] = self._filters_from_querystring()
        zone = self._get_param("AvailabilityZone")
        query = PriceQuery(
            instance_types=self._get_param("InstanceTypes") or filters.get("instance-type", []),
            zones=[zone] if zone else filters.get("availability-zone", []),
            products=self._get_param("ProductDescriptions") or filters.get("product-description", []),
            since=_aware(self._get_param("StartTime")),
        )
        found = spot_price_history(self._backend.prices, self.region, query, self._backend.prices_since)
        start = int(self._get_param("NextToken") or 0)
        end = start + int(self._get_param("MaxResults") or 1000)
        token = str(end) if len(found) > end else ""
        return ActionResult({"SpotPriceHistory": found[start:end], "NextToken": token})


def _change(machine: VmInstance, work: Callable[[VmInstance], None]) -> dict[str, Any]:
    """Begin to change an instance's state; return both states."""
    before = machine.instance_state
    work(machine)
    return {"InstanceId": machine.id, "PreviousState": before, "CurrentState": machine.instance_state}


def _digest(parameters: Mapping[str, Any]) -> str:
    """Return one value for all parameters that must be the same when a token is used again."""
    kept = {name: value for name, value in parameters.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()


def _aware(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)

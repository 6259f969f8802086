"""A run's VMs on EC2: launched once, described with one call or two, ended for certain."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_hads.cloud.clients import ec2_client
from airflow_provider_hads.cloud.descriptions import described_instances, instance_of
from airflow_provider_hads.cloud.errors import code_of_cause, translated
from airflow_provider_hads.cloud.followers import Followers
from airflow_provider_hads.cloud.hibernation import Interruption, interruption_of, terminates
from airflow_provider_hads.cloud.host_keys import new_host_key
from airflow_provider_hads.cloud.instance_types import ImageFacts, TypeFacts, describe_image, describe_types
from airflow_provider_hads.cloud.pricing import spot_prices_paid
from airflow_provider_hads.cloud.requests import (
    CloudDefaults,
    fleet_request,
    image_id_of,
    instances_of_requests,
    run_instances_request,
    token_request,
)
from airflow_provider_hads.cloud.tags import order_token
from airflow_provider_hads.cloud.termination import PAUSE, Ended, chunks, end_all, end_instance
from airflow_provider_hads.cloud.user_data import make_user_data
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, Launched, LaunchOrder
from airflow_provider_hads.model.identifiers import RunIdentity
from airflow_provider_hads.model.settings import Ec2Settings

__all__ = ["Ec2Fleet"]

log = logging.getLogger(__name__)

ADOPTION_TIMEOUT = 30.0
ADOPTION_PAUSE = 3.0


class Ec2Fleet:
    """The VMs of one run.

    :param client: a boto3 EC2 client; see :meth:`connect`.
    :param run: whose VMs they are.
    :param settings: section ``[ec2]`` of the job.
    :param defaults: what holds where ``settings`` says nothing.
    :param authorized_keys: public SSH keys that may log in to the VMs.
    :param ending_pause: seconds between two looks whether all has ended.
    :param clock: seconds that only rise.
    :param sleep: waits so many seconds.
    """

    def __init__(
        self,
        client: Any,
        run: RunIdentity,
        settings: Ec2Settings,
        defaults: CloudDefaults,
        authorized_keys: Sequence[str],
        *,
        ending_pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._run = run
        self._settings = settings
        self._defaults = defaults
        self._authorized_keys = tuple(authorized_keys)
        self._ending_pause = ending_pause
        self._clock = clock
        self._sleep = sleep
        self._types: dict[str, TypeFacts] = {}
        self._images: dict[str, ImageFacts | None] = {}
        self._followers = Followers()

    @classmethod
    def connect(
        cls,
        aws_conn_id: str | None,
        run: RunIdentity,
        settings: Ec2Settings,
        defaults: CloudDefaults,
        authorized_keys: Sequence[str] = (),
        *,
        ending_pause: float = PAUSE,
    ) -> Ec2Fleet:
        """Return the fleet of a run, in the region of ``settings`` or else of the connection.

        :param aws_conn_id: id of the AWS connection; None takes boto3's own search for credentials.
        :raises CloudError: the connection gives no region.
        """
        client = ec2_client(aws_conn_id, settings.region)
        return cls(client, run, settings, defaults, authorized_keys, ending_pause=ending_pause)

    def launch(self, order: LaunchOrder) -> Launched:
        """Launch a VM, or adopt the one that an earlier try has launched. Does not wait for capacity.

        :raises InputError: a setting can't be used.
        :raises CapacityError: EC2 has no such VM now.
        :raises QuotaError: the account's quota is used up.
        :raises CloudError: EC2 refused or failed for another reason.
        """
        found = self._instance_of_token(order)
        if found is not None:
            return _adopted(order, found)
        return self._run_instance(order, self._interruption(order))

    def describe(self) -> tuple[Instance, ...]:
        """Return all VMs of the run that EC2 lists, those that ended within the last hour included.

        One DescribeInstances call (one a thousand VMs). A second one (one two hundred requests) only where
        nothing is alive of a spot request that may launch another VM: what it does launch comes without tags,
        and is told here as the VM that was there before.

        :raises CloudError: EC2 does not say.
        """
        with translated("DescribeInstances", self._run.name):
            entries = self._describe(fleet_request(self._run.uid))
            for ids in chunks(self._followers.to_ask_about(entries)):
                entries += self._followers.named(self._describe(instances_of_requests(ids)))
        vms = map(instance_of, {entry["InstanceId"]: entry for entry in entries}.values())
        return tuple(sorted(vms, key=lambda vm: (vm.generation, vm.sequence, vm.launched_at)))

    def spot_prices_paid(self, instances: Iterable[Instance]) -> dict[str, float]:
        """Return what spot VMs cost an hour in their own zones, by instance id, as far as EC2 tells.

        :raises CloudError: EC2 does not say.
        """
        return spot_prices_paid(self._client, instances)

    def end(self, instance: Instance) -> None:
        """End one VM for good; its spot request is cancelled first.

        :raises CloudError: EC2 refused or failed.
        """
        end_instance(self._client, instance)
        self._followers.forget(instance.spot_request_id)

    def end_all(self) -> Ended:
        """End all that the run owns, until two looks find nothing.

        :return: what was ended.
        :raises CloudError: something is left; the message names it.
        """
        return end_all(
            self._client, self._run.uid, clock=self._clock, sleep=self._sleep, pause=self._ending_pause
        )

    def _run_instance(self, order: LaunchOrder, interruption: Interruption) -> Launched:
        request = self._request(order, interruption)
        hibernation = interruption.root_volume is not None
        try:
            with translated("RunInstances", f"{order.vm_id} ({_kind(order, hibernation)})"):
                answer = self._client.run_instances(**request)
        except CloudError as error:
            return self._after_refusal(order, interruption, error)
        instance_id = str(answer["Instances"][0]["InstanceId"])
        log.info("Launched %s as %s (%s)", order.vm_id, instance_id, _kind(order, hibernation))
        if interruption.note:
            log.info("For %s, %s", order.vm_id, interruption.note)
        return Launched(instance_id, adopted=False, hibernation=hibernation, note=interruption.note)

    def _request(self, order: LaunchOrder, interruption: Interruption) -> dict[str, Any]:
        host_key = new_host_key()
        user_data = make_user_data(self._settings.vm_user, self._authorized_keys, host_key, order.expires_at)
        return run_instances_request(
            order, self._settings, self._defaults, interruption, user_data, host_key.public
        )

    def _after_refusal(self, order: LaunchOrder, interruption: Interruption, error: CloudError) -> Launched:
        code = code_of_cause(error)
        if code == "IdempotentParameterMismatch":
            # An earlier try has launched it, with another host key than this try's.
            found = self._wait_for_token(order)
            if found is not None:
                return _adopted(order, found)
        hibernation_refused = code.startswith("Unsupported") and "ibernat" in str(error)
        if interruption.root_volume is not None and hibernation_refused:
            # The image lacks what hibernation needs; a spot VM that terminates is better than none.
            return self._run_instance(order, Interruption(note=terminates(str(error))))
        raise error

    def _interruption(self, order: LaunchOrder) -> Interruption:
        if order.market is Market.ON_DEMAND:
            return Interruption()
        try:
            return interruption_of(order, self._type_facts(order.instance_type), self._image_facts())
        except CloudError as error:
            return Interruption(note=terminates(str(error)))

    def _type_facts(self, name: str) -> TypeFacts | None:
        if name not in self._types:
            self._types.update(describe_types(self._client, [name]))
        return self._types.get(name)

    def _image_facts(self) -> ImageFacts | None:
        image_id = image_id_of(self._settings, self._defaults)
        if image_id not in self._images:
            self._images[image_id] = describe_image(self._client, image_id)
        return self._images[image_id]

    def _instance_of_token(self, order: LaunchOrder) -> Mapping[str, Any] | None:
        with translated("DescribeInstances", order.vm_id):
            found = self._describe(token_request(order_token(order)))
        return max(found, key=lambda entry: entry["LaunchTime"], default=None)

    def _wait_for_token(self, order: LaunchOrder) -> Mapping[str, Any] | None:
        """Wait for a VM that EC2 has launched, but does not show yet."""
        give_up_at = self._clock() + ADOPTION_TIMEOUT
        found = self._instance_of_token(order)
        while found is None and self._clock() < give_up_at:
            self._sleep(ADOPTION_PAUSE)
            found = self._instance_of_token(order)
        return found

    def _describe(self, request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return described_instances(self._client.get_paginator("describe_instances").paginate(**request))


def _adopted(order: LaunchOrder, entry: Mapping[str, Any]) -> Launched:
    instance_id = str(entry["InstanceId"])
    hibernation = bool(entry.get("HibernationOptions", {}).get("Configured", False))
    kind = _kind(order, hibernation)
    log.info("Adopted %s as %s (%s): an earlier try had launched it", order.vm_id, instance_id, kind)
    return Launched(instance_id, adopted=True, hibernation=hibernation, note="launched by an earlier try")


def _kind(order: LaunchOrder, hibernation: bool) -> str:
    kind = f"{order.instance_type}, {order.market}"
    return f"{kind}, hibernates when interrupted" if hibernation else kind

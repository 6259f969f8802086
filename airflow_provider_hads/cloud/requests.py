"""The requests to EC2, SQS and CloudWatch, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_hads.cloud.hibernation import Interruption, RootVolume
from airflow_provider_hads.cloud.tags import LAUNCH_TAG, RUN_TAG, aws_tags, order_tags, order_token
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings

__all__ = [
    "MESSAGES_OF_A_CALL",
    "METRICS_OF_A_CALL",
    "CloudDefaults",
    "cancel_request",
    "credit_balances_request",
    "delete_messages_request",
    "delete_volume_request",
    "fleet_request",
    "give_back_messages_request",
    "image_id_of",
    "instances_of_requests",
    "left_instances_request",
    "left_spot_requests_request",
    "left_volumes_request",
    "queue_url_request",
    "receive_messages_request",
    "run_instances_request",
    "spot_requests_by_id",
    "spot_requests_request",
    "terminate_request",
    "token_request",
]

MESSAGES_OF_A_CALL = 10
"""SQS gives and takes no more at once."""
METRICS_OF_A_CALL = 500
"""CloudWatch takes no more queries at once."""
METRIC_PERIOD = 60
"""Seconds: the least that CloudWatch sums up by, for metrics of EC2."""
_ALIVE = ["pending", "running", "stopping", "stopped"]
_COULD_LAUNCH = ["open", "active", "disabled"]
_PAGE = 1000
# IMDSv2 only, and one hop: a task's container does not get the VM's role.
_METADATA_OPTIONS = {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}


@dataclass(frozen=True)
class CloudDefaults:
    """What section ``[hads]`` of the Airflow configuration says, for jobs whose ``setup.cfg`` does not.

    :param image_id: the AMI.
    :param instance_profile: name of the instance profile that gives VMs access to the bucket.
    """

    image_id: str | None = None
    instance_profile: str | None = None


def image_id_of(settings: Ec2Settings, defaults: CloudDefaults) -> str:
    """Return the AMI to launch.

    :raises InputError: none is given.
    """
    image_id = settings.image_id or defaults.image_id
    if not image_id:
        problem = "no image given: set it here, or [hads] image_id in the Airflow configuration"
        raise InputError("setup.cfg", "ec2.image_id", problem)
    return image_id


def run_instances_request(
    order: LaunchOrder,
    settings: Ec2Settings,
    defaults: CloudDefaults,
    interruption: Interruption,
    user_data: str,
    host_key: str,
) -> dict[str, Any]:
    """Return the RunInstances request of an order.

    :param order: the VM to be launched.
    :param settings: section ``[ec2]`` of the job.
    :param defaults: what holds where ``settings`` says nothing.
    :param interruption: whether EC2 can hibernate the VM.
    :param user_data: the VM's user data, plain text.
    :param host_key: its public host key as in ``known_hosts``.
    :raises InputError: a setting can't be used.
    """
    request: dict[str, Any] = {
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": order_token(order),
        "ImageId": image_id_of(settings, defaults),
        "InstanceType": order.instance_type,
        "UserData": user_data,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": _METADATA_OPTIONS,
        "TagSpecifications": _tag_specifications(order, settings, host_key),
    }
    request.update(_market(order, interruption.root_volume))
    request.update(_place(settings, order.zone))
    request.update(_access(settings, defaults))
    if order.burstable:
        request["CreditSpecification"] = {"CpuCredits": "standard"}
    return request


def _tag_specifications(order: LaunchOrder, settings: Ec2Settings, host_key: str) -> list[dict[str, Any]]:
    tags = aws_tags(order_tags(order, settings, host_key))
    resources = ["instance", "volume", "network-interface"]
    if order.market is Market.SPOT:
        resources.append("spot-instances-request")
    return [{"ResourceType": resource, "Tags": tags} for resource in resources]


def _market(order: LaunchOrder, root_volume: RootVolume | None) -> dict[str, Any]:
    if order.market is Market.ON_DEMAND:
        return {}
    if root_volume is None:
        # A one-time request takes no ValidUntil: EC2 fills it at once or not at all, and never again.
        one_time = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
        return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": one_time}}
    persistent = {
        "SpotInstanceType": "persistent",
        "InstanceInterruptionBehavior": "hibernate",
        "ValidUntil": _whole_seconds(order.expires_at),
    }
    return {
        "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": persistent},
        "HibernationOptions": {"Configured": True},
        "BlockDeviceMappings": [_encrypted_root(root_volume)],
    }


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(microsecond=0)


def _encrypted_root(root_volume: RootVolume) -> dict[str, Any]:
    volume = {"VolumeSize": root_volume.size, "VolumeType": "gp3", "Encrypted": True}
    return {"DeviceName": root_volume.device, "Ebs": {**volume, "DeleteOnTermination": True}}


def _place(settings: Ec2Settings, wanted: str) -> dict[str, Any]:
    """Return where a VM is to run; a subnet is in one zone, whichever is wanted."""
    place: dict[str, Any] = {}
    zone = settings.zone or ("" if settings.subnet_id else wanted)
    if zone:
        place["Placement"] = {"AvailabilityZone": zone}
    if settings.subnet_id:
        place["SubnetId"] = settings.subnet_id
    groups = [group for group in (settings.security_group, settings.security_vpc_group) if group]
    ids = [group for group in groups if group.startswith("sg-")]
    names = [group for group in groups if not group.startswith("sg-")]
    if names and (ids or settings.subnet_id):
        problem = f"{names[0]!r} is a name; with a subnet or a second group, EC2 takes ids (sg-...) only"
        raise InputError("setup.cfg", "ec2.security_group", problem)
    if ids:
        place["SecurityGroupIds"] = ids
    elif names:
        place["SecurityGroups"] = names
    return place


def _access(settings: Ec2Settings, defaults: CloudDefaults) -> dict[str, Any]:
    access: dict[str, Any] = {}
    profile = settings.instance_profile or defaults.instance_profile
    if profile:
        kind = "Arn" if profile.startswith("arn:") else "Name"
        access["IamInstanceProfile"] = {kind: profile}
    if settings.key_name:
        access["KeyName"] = settings.key_name
    return access


def fleet_request(run_uid: str) -> dict[str, Any]:
    """Return the DescribeInstances request for all VMs of a run, ended ones included."""
    return {"Filters": [_filter(f"tag:{RUN_TAG}", [run_uid])], "MaxResults": _PAGE}


def token_request(token: str) -> dict[str, Any]:
    """Return the DescribeInstances request for the VM of a ClientToken, unless it has ended."""
    filters = [_filter(f"tag:{LAUNCH_TAG}", [token]), _filter("instance-state-name", _ALIVE)]
    return {"Filters": filters, "MaxResults": _PAGE}


def instances_of_requests(request_ids: Sequence[str]) -> dict[str, Any]:
    """Return the DescribeInstances request for what some spot requests launched, tagged or not.

    :param request_ids: at most 200 ids.
    """
    return {"Filters": [_filter("spot-instance-request-id", request_ids)], "MaxResults": _PAGE}


def spot_requests_request(run_uid: str) -> dict[str, Any]:
    """Return the DescribeSpotInstanceRequests request for all spot requests of a run, in any state."""
    return {"Filters": [_filter(f"tag:{RUN_TAG}", [run_uid])], "MaxResults": _PAGE}


def spot_requests_by_id(request_ids: Sequence[str]) -> dict[str, Any]:
    """Return the DescribeSpotInstanceRequests request for some spot requests; unknown ids are no error.

    :param request_ids: at most 200 ids.
    """
    return {"Filters": [_filter("spot-instance-request-id", request_ids)], "MaxResults": _PAGE}


def cancel_request(request_ids: Sequence[str]) -> dict[str, Any]:
    """Return the CancelSpotInstanceRequests request for some spot requests."""
    return {"SpotInstanceRequestIds": list(request_ids)}


def terminate_request(instance_ids: Sequence[str]) -> dict[str, Any]:
    """Return the TerminateInstances request for some VMs."""
    return {"InstanceIds": list(instance_ids)}


def left_instances_request() -> dict[str, Any]:
    """Return the DescribeInstances request for all VMs, of any run, that have not ended."""
    return {"Filters": [_of_any_run(), _filter("instance-state-name", _ALIVE)], "MaxResults": _PAGE}


def left_spot_requests_request() -> dict[str, Any]:
    """Return the DescribeSpotInstanceRequests request for all, of any run, that may still launch a VM."""
    return {"Filters": [_of_any_run(), _filter("state", _COULD_LAUNCH)], "MaxResults": _PAGE}


def left_volumes_request() -> dict[str, Any]:
    """Return the DescribeVolumes request for all disks, of any run, that no VM uses any more."""
    return {"Filters": [_of_any_run(), _filter("status", ["available"])], "MaxResults": _PAGE}


def delete_volume_request(volume_id: str) -> dict[str, Any]:
    """Return the DeleteVolume request for a disk."""
    return {"VolumeId": volume_id}


def _of_any_run() -> dict[str, Any]:
    return _filter("tag-key", [RUN_TAG])


def queue_url_request(name: str) -> dict[str, Any]:
    """Return the GetQueueUrl request for a queue of the account."""
    return {"QueueName": name}


def receive_messages_request(queue_url: str, hidden_for: int) -> dict[str, Any]:
    """Return the ReceiveMessage request for what is there now, without waiting.

    :param hidden_for: seconds for which nobody else sees what is received, unless it is deleted.
    """
    return {
        "QueueUrl": queue_url,
        "MaxNumberOfMessages": MESSAGES_OF_A_CALL,
        "VisibilityTimeout": hidden_for,
        "WaitTimeSeconds": 0,
    }


def delete_messages_request(queue_url: str, handles: Sequence[str]) -> dict[str, Any]:
    """Return the DeleteMessageBatch request for some received messages.

    :param handles: receipt handles, at most :data:`MESSAGES_OF_A_CALL`.
    """
    entries = [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(handles)]
    return {"QueueUrl": queue_url, "Entries": entries}


def give_back_messages_request(queue_url: str, handles: Sequence[str]) -> dict[str, Any]:
    """Return the ChangeMessageVisibilityBatch request that shows some received messages to everybody at once.

    :param handles: receipt handles, at most :data:`MESSAGES_OF_A_CALL`.
    """
    entries = [
        {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
        for index, handle in enumerate(handles)
    ]
    return {"QueueUrl": queue_url, "Entries": entries}


def credit_balances_request(instance_ids: Sequence[str], start: datetime, end: datetime) -> dict[str, Any]:
    """Return the GetMetricData request for the CPU credits of burstable instances, the newest first.

    :param instance_ids: at most :data:`METRICS_OF_A_CALL`; the n-th is query ``q<n>``.
    :param start: UTC; what was counted before is not asked for.
    :param end: UTC.
    """
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/EC2",
                    "MetricName": "CPUCreditBalance",
                    "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
                },
                "Period": METRIC_PERIOD,
                "Stat": "Minimum",
            },
        }
        for number, instance_id in enumerate(instance_ids)
    ]
    return {
        "MetricDataQueries": queries,
        "StartTime": start,
        "EndTime": end,
        "ScanBy": "TimestampDescending",
    }


def _filter(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}

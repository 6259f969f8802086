"""What an instance's metadata service tells about it, as one flat mapping of paths."""

from __future__ import annotations

import json
from collections.abc import Mapping

from airflow_provider_hads.local_cloud.credentials import CredentialBook, RoleCredentials
from airflow_provider_hads.local_cloud.instance import VmInstance

__all__ = ["find", "metadata_tree"]

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def metadata_tree(instance: VmInstance, credentials: CredentialBook) -> dict[str, str]:
    """Return every path below ``/latest/`` with its text."""
    tree = {f"meta-data/{path}": text for path, text in _meta_data(instance).items() if text is not None}
    tree.update(_role(instance, credentials))
    tree["dynamic/instance-identity/document"] = _identity(instance)
    if instance.user_data is not None:
        tree["user-data"] = instance.user_data.decode()
    if instance.metadata_options.instance_metadata_tags == "enabled":
        for tag in instance.get_tags():
            tree[f"meta-data/tags/instance/{tag['key']}"] = tag["value"]
    return tree


def find(tree: Mapping[str, str], path: str) -> str | None:
    """Return a path's text, the listing of a folder, or None."""
    if path in tree:
        return tree[path]
    prefix = f"{path.rstrip('/')}/"
    below = {name[len(prefix) :] for name in tree if name.startswith(prefix)}
    entries = {f"{name.split('/')[0]}/" if "/" in name else name for name in below}
    return "\n".join(sorted(entries)) or None


def _meta_data(instance: VmInstance) -> dict[str, str | None]:
    address = instance.address
    return {
        "ami-id": instance.image_id,
        "hostname": instance.private_dns_name,
        "instance-id": instance.id,
        "instance-life-cycle": instance.market,
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": address,
        "mac": instance.nics[0].mac_address,
        "placement/availability-zone": instance.availability_zone,
        "placement/region": instance.region_name,
        "public-hostname": instance.public_dns_name,
        "public-ipv4": address,
        "public-keys/0/openssh-key": _public_key(instance),
        "spot/instance-action": instance.notice,
        "spot/termination-time": instance.termination_time,
        "events/recommendations/rebalance": instance.rebalance,
    }


def _public_key(instance: VmInstance) -> str | None:
    pair = instance.ec2_backend.key_pairs.get(instance.key_name or "")
    return None if pair is None else str(pair.public_key)


def _role(instance: VmInstance, credentials: CredentialBook) -> dict[str, str]:
    """Return the role's paths; an instance without a profile has none, as on EC2."""
    if instance.profile_name is None:
        return {}
    own = credentials.of(instance.id)
    arn = f"arn:aws:iam::{instance.owner_id}:instance-profile/{instance.profile_name}"
    info = {"Code": "Success", "LastUpdated": own.issued.strftime(_TIME), "InstanceProfileArn": arn}
    folder = "meta-data/iam/security-credentials"
    return {"meta-data/iam/info": json.dumps(info), f"{folder}/{instance.profile_name}": _credentials(own)}


def _credentials(own: RoleCredentials) -> str:
    document = {
        "Code": "Success",
        "LastUpdated": own.issued.strftime(_TIME),
        "Type": "AWS-HMAC",
        "AccessKeyId": own.access_key,
        "SecretAccessKey": own.secret_key,
        "Token": own.token,
        "Expiration": own.expires.strftime(_TIME),
    }
    return json.dumps(document)


def _identity(instance: VmInstance) -> str:
    document = {
        "accountId": instance.owner_id,
        "architecture": instance.architecture,
        "availabilityZone": instance.availability_zone,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "privateIp": instance.address,
        "region": instance.region_name,
    }
    return json.dumps(document)

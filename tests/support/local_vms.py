"""Launching VMs on the local cloud and talking to them over SSH, for tests."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from airflow_provider_hads.local_cloud import LocalCloud

_Value = TypeVar("_Value")
USER = "worker"
POLL_SECONDS = 0.05


def eventually(look: Callable[[], _Value | None], patience: float = 20.0) -> _Value:
    """Return the first value that is true.

    :param patience: seconds.
    :raises AssertionError: there is none in time.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = look()
        if value:
            return value
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"not within {patience} s")


def new_host_key() -> tuple[str, str]:
    """Return a private and a public key in OpenSSH's formats."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def client_key(cloud: LocalCloud) -> paramiko.Ed25519Key:
    """Return the cloud's SSH client key."""
    return paramiko.Ed25519Key.from_private_key(io.StringIO(cloud.private_key()))


def user_data(cloud: LocalCloud, host_key: tuple[str, str], **more: Any) -> str:
    """Return user data with one user, who may log in with the cloud's key and use sudo.

    :param more: further keys of cloud-config.
    """
    user = {
        "name": USER,
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": [f"ssh-ed25519 {client_key(cloud).get_base64()}"],
    }
    keys = {"ed25519_private": host_key[0], "ed25519_public": host_key[1]}
    return "#cloud-config\n" + json.dumps({"users": [user], "ssh_keys": keys, **more})


def launch(cloud: LocalCloud, **parameters: Any) -> str:
    """Launch one ``t2.micro`` that ends when it powers itself off; return its id."""
    terms = {
        "ImageId": cloud.image_id,
        "InstanceType": "t2.micro",
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MinCount": 1,
        "MaxCount": 1,
    }
    answer = cloud.client("ec2").run_instances(**{**terms, **parameters})
    return str(answer["Instances"][0]["InstanceId"])


def describe(cloud: LocalCloud, instance_id: str) -> dict[str, Any]:
    """Return an instance as EC2 describes it."""
    answer = cloud.client("ec2").describe_instances(InstanceIds=[instance_id])
    return dict(answer["Reservations"][0]["Instances"][0])


def wait_for_state(cloud: LocalCloud, instance_id: str, state: str) -> dict[str, Any]:
    """Wait until an instance is in a state; return it."""

    def look() -> dict[str, Any] | None:
        instance = describe(cloud, instance_id)
        return instance if instance["State"]["Name"] == state else None

    return eventually(look)


@contextmanager
def connection(cloud: LocalCloud, instance_id: str, public_key: str) -> Iterator[paramiko.SSHClient]:
    """Log in to a VM as soon as it answers, if it shows the right host key."""
    address = wait_for_state(cloud, instance_id, "running")["PublicIpAddress"]
    client = paramiko.SSHClient()
    pinned = paramiko.Ed25519Key(data=base64.b64decode(public_key.split()[1]))
    client.get_host_keys().add(address, "ssh-ed25519", pinned)

    def connect() -> bool:
        try:
            client.connect(address, username=USER, pkey=client_key(cloud), timeout=5, allow_agent=False)
        except (OSError, paramiko.ssh_exception.NoValidConnectionsError):
            return False
        return True

    eventually(connect)
    try:
        yield client
    finally:
        client.close()


def run(client: paramiko.SSHClient, command: str, stdin: bytes = b"") -> str:
    """Run a command on a VM; return its output.

    :raises AssertionError: it fails.
    """
    channel_in, channel_out, channel_err = client.exec_command(command, timeout=60)
    channel_in.write(stdin)
    channel_in.channel.shutdown_write()
    output, problem = channel_out.read().decode(), channel_err.read().decode()
    code = channel_out.channel.recv_exit_status()
    assert code == 0, f"{command}: exit code {code}: {problem}"
    return output


def busybox_image() -> bytes:
    """Return an image of one static program, as ``docker import`` takes it."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.add(Path("/bin/busybox"), "bin/busybox")
    return tar.getvalue()

"""What a VM is told at its first boot: its user, its host key and its lease."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from airflow_provider_hads.cloud.host_keys import HostKey
from airflow_provider_hads.exceptions import InputError

__all__ = ["HEADER", "USER_DATA_LIMIT", "make_user_data"]

HEADER = "#cloud-config\n"
USER_DATA_LIMIT = 16 * 1024
"""Bytes that EC2 takes, before base64."""

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PUBLIC_KEY = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( [ -~]*)?")


def make_user_data(user: str, authorized_keys: Sequence[str], host_key: HostKey, expires_at: datetime) -> str:
    """Return a VM's user data: ``#cloud-config`` followed by JSON, which is YAML too.

    It holds no credential of the account; the only private thing in it is the VM's own host key.

    :param user: who logs in; it is created where the image has none of that name.
    :param authorized_keys: public keys that may log in, one line each.
    :param host_key: the VM's host key pair.
    :param expires_at: end of the first lease.
    :raises InputError: the user name or a key is none, or all is too long for EC2.
    """
    if _USER.fullmatch(user) is None:
        raise InputError("setup.cfg", "ec2.vm_user", f"{user!r} is no Linux user name")
    keys = [_public_key(key) for key in authorized_keys]
    text = HEADER + json.dumps(_document(user, keys, host_key, expires_at), indent=1) + "\n"
    size = len(text.encode())
    if size > USER_DATA_LIMIT:
        problem = f"it would have {size} bytes, EC2 takes {USER_DATA_LIMIT}: give fewer public keys"
        raise InputError("user data", "", problem)
    return text


def _public_key(line: str) -> str:
    key = line.strip()
    if _PUBLIC_KEY.fullmatch(key) is None:
        # The value is not shown: it may be a private key, given by mistake.
        problem = "not a public key in OpenSSH's format (one line)"
        raise InputError("user data", "ssh_authorized_keys", problem)
    return key


def _document(user: str, keys: list[str], host_key: HostKey, expires_at: datetime) -> dict[str, Any]:
    account = {
        "name": user,
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "lock_passwd": True,
        "ssh_authorized_keys": keys,
    }
    return {
        # "default" stays, so that an EC2 key pair ([ec2] key_name) is installed for the image's own user.
        "users": ["default", account],
        "disable_root": True,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.public},
        "write_files": [
            _file("/var/lib/hads/expiry", f"{math.floor(expires_at.timestamp())}\n", "0644"),
            _file("/opt/hads/lease.sh", _script("lease.sh"), "0755"),
            _file("/var/lib/cloud/scripts/per-boot/hads", _script("per_boot.sh"), "0755"),
        ],
    }


def _file(path: str, content: str, permissions: str) -> dict[str, str]:
    return {"path": path, "owner": "root:root", "permissions": permissions, "content": content}


@cache
def _script(name: str) -> str:
    return resources.files("airflow_provider_hads.cloud").joinpath(name).read_text(encoding="utf-8")

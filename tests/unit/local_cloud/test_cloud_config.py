"""The VM reads user data strictly: what it does not understand is an error that names the key."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_hads.cloud.host_keys import new_host_key
from airflow_provider_hads.cloud.user_data import make_user_data

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP9JbTrMbA92dsulyFUr2l442F3CBuJhn6UDOm2hpYEt"


def user_data(**document: Any) -> str:
    """User data with this content."""
    return "#cloud-config\n" + json.dumps(document)


def test_no_user_data_is_fine(reader: ModuleType) -> None:
    assert reader.parse_user_data("") == reader.CloudConfig()
    assert reader.CloudConfig().default_user


def test_the_providers_own_user_data_is_understood(reader: ModuleType) -> None:
    host_key = new_host_key()
    text = make_user_data("worker", [PUBLIC_KEY], host_key, datetime(2030, 1, 1, tzinfo=timezone.utc))

    config = reader.parse_user_data(text)

    (user,) = config.users
    assert (user.name, user.ssh_authorized_keys) == ("worker", (PUBLIC_KEY,))
    assert config.host_keys["ed25519_private"] == host_key.private
    files = {file.path: file for file in config.write_files}
    assert files["/var/lib/hads/expiry"].content == b"1893456000\n"
    assert files["/var/lib/cloud/scripts/per-boot/hads"].mode == 0o755


def test_files_may_be_base64(reader: ModuleType) -> None:
    file = {"path": "/x", "content": "AP8=", "encoding": "b64", "permissions": "0600", "owner": "a:b"}

    config = reader.parse_user_data(user_data(write_files=[file]))

    assert config.write_files == (reader.WriteFile("/x", b"\x00\xff", 0o600, "a:b"),)


def test_without_default_among_the_users_there_is_no_default_user(reader: ModuleType) -> None:
    assert reader.parse_user_data(user_data(users=["default", {"name": "a"}])).default_user
    assert not reader.parse_user_data(user_data(users=[{"name": "a"}])).default_user


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#!/bin/sh\necho", "must start with the line '#cloud-config'"),
        ("#cloud-config\nusers:\n- default\n", "only JSON is understood"),
        ("#cloud-config\n[]", "the document: [] is not of type dict"),
        (user_data(write_filse=[]), "unknown key 'write_filse'"),
        (user_data(users=[{"name": "a", "sudoo": "x"}]), "users: unknown key 'sudoo'"),
        (user_data(users=[{"sudo": "x"}]), "users: an entry has no name"),
        (user_data(users=["a"]), "users: 'a' is not of type dict"),
        (user_data(write_files=[{"content": "x"}]), "write_files: path: None is not of type str"),
        (user_data(write_files=[{"path": "/x", "permissions": "rw"}]), "permissions 'rw' are not octal"),
        (user_data(write_files=[{"path": "/x", "permissions": 644}]), "644 is not of type str"),
        (user_data(write_files=[{"path": "/x", "encoding": "gzip"}]), "encoding 'gzip' is not understood"),
        (user_data(write_files=[{"path": "/x", "encoding": "b64", "content": "?"}]), "is not base64"),
        (user_data(ssh_keys={"dsa_private": "x"}), "ssh_keys: unknown key 'dsa_private'"),
        (user_data(disable_root="yes"), "disable_root: 'yes' is not of type bool"),
        (user_data(runcmd=[{"echo": 1}]), "runcmd"),
    ],
)
def test_what_is_not_understood_is_an_error(reader: ModuleType, text: str, problem: str) -> None:
    with pytest.raises(reader.ConfigError) as refused:
        reader.parse_user_data(text)

    assert problem in str(refused.value)

"""What a VM is told at its first boot."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_hads.cloud.host_keys import HostKey
from airflow_provider_hads.cloud.user_data import HEADER, make_user_data
from airflow_provider_hads.exceptions import InputError

HOST_KEY = HostKey(
    "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n"
)
EXPIRES_AT = datetime(2030, 1, 1, 0, 0, 0, 900_000, tzinfo=timezone.utc)
CLIENT_KEY = "ssh-ed25519 BBBB airflow"
VM_READER = Path(__file__).parents[3] / "docker" / "vm" / "local_cloud_vm" / "cloud_config.py"


def document(text: str) -> dict[str, Any]:
    assert text.startswith(HEADER)
    parsed: dict[str, Any] = json.loads(text[len(HEADER) :])
    return parsed


def files(text: str) -> dict[str, dict[str, str]]:
    return {entry["path"]: entry for entry in document(text)["write_files"]}


def local_vm_reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("local_cloud_vm_cloud_config", VM_READER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_vm_s_user_takes_the_client_s_key_and_has_no_password() -> None:
    made = document(make_user_data("worker", [CLIENT_KEY], HOST_KEY, EXPIRES_AT))

    account = made["users"][1]
    assert account["name"] == "worker"
    assert account["ssh_authorized_keys"] == [CLIENT_KEY]
    assert account["lock_passwd"] is True
    assert made["ssh_pwauth"] is False
    assert made["disable_root"] is True


def test_the_host_key_is_the_one_that_is_pinned_and_no_other() -> None:
    made = document(make_user_data("worker", [CLIENT_KEY], HOST_KEY, EXPIRES_AT))

    assert made["ssh_keys"] == {"ed25519_private": HOST_KEY.private, "ed25519_public": HOST_KEY.public}
    assert made["ssh_deletekeys"] is True


def test_the_lease_is_written_as_whole_unix_seconds() -> None:
    written = files(make_user_data("worker", [CLIENT_KEY], HOST_KEY, EXPIRES_AT))

    assert written["/var/lib/hads/expiry"]["content"] == "1893456000\n"


def test_the_scripts_are_root_s_and_can_be_run() -> None:
    written = files(make_user_data("worker", [CLIENT_KEY], HOST_KEY, EXPIRES_AT))

    for path in ("/opt/hads/lease.sh", "/var/lib/cloud/scripts/per-boot/hads"):
        assert written[path]["owner"] == "root:root"
        assert written[path]["permissions"] == "0755"
        assert written[path]["content"].startswith("#!/bin/sh\n")


def test_every_boot_starts_the_lease_and_the_runner() -> None:
    written = files(make_user_data("worker", [CLIENT_KEY], HOST_KEY, EXPIRES_AT))

    per_boot = written["/var/lib/cloud/scripts/per-boot/hads"]["content"]
    assert "/opt/hads/lease.sh" in per_boot
    assert "python3 -I /opt/hads/runner.py run" in per_boot


@pytest.mark.skipif(not VM_READER.exists(), reason="the local cloud's VM image is not in this checkout")
def test_the_local_cloud_s_vm_understands_all_of_it() -> None:
    config = local_vm_reader().parse_user_data(make_user_data("worker", [CLIENT_KEY], HOST_KEY, EXPIRES_AT))

    assert [user.name for user in config.users] == ["worker"]
    assert config.host_keys["ed25519_private"] == HOST_KEY.private
    assert len(config.write_files) == 3


@pytest.mark.parametrize("user", ["", "Root!", "a b", "x" * 40, "-u", "a\nb"])
def test_a_user_name_that_is_none_is_refused(user: str) -> None:
    with pytest.raises(InputError, match=r"setup\.cfg: ec2\.vm_user: .*no Linux user name"):
        make_user_data(user, [CLIENT_KEY], HOST_KEY, EXPIRES_AT)


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 BB\nssh-ed25519 CC", HOST_KEY.private])
def test_what_is_no_public_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(InputError, match="ssh_authorized_keys: not a public key") as caught:
        make_user_data("worker", [key], HOST_KEY, EXPIRES_AT)

    assert "PRIVATE" not in str(caught.value)


def test_more_than_ec2_takes_is_refused() -> None:
    with pytest.raises(InputError, match="EC2 takes 16384: give fewer public keys"):
        make_user_data("worker", [f"ssh-rsa {'A' * 700}"] * 30, HOST_KEY, EXPIRES_AT)

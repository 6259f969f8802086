"""Host keys that a VM is given and a client pins."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from airflow_provider_hads.cloud.host_keys import new_host_key


def test_the_public_key_is_that_of_the_private_one() -> None:
    key = new_host_key()

    private = serialization.load_ssh_private_key(key.private.encode(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    assert key.public == public.decode()
    assert key.public.startswith("ssh-ed25519 ")


def test_each_vm_has_its_own() -> None:
    assert new_host_key().public != new_host_key().public


def test_the_private_key_is_not_shown_in_logs() -> None:
    assert "PRIVATE" not in repr(new_host_key())

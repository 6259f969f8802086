"""Credentials of VMs: each its own, known by their key."""

from __future__ import annotations

from airflow_provider_hads.local_cloud.credentials import CredentialBook


def test_a_vm_keeps_its_credentials_and_no_other_has_them() -> None:
    book = CredentialBook()
    one, two = book.of("i-1"), book.of("i-2")

    assert book.of("i-1") == one
    assert {one.access_key, one.secret_key, one.token}.isdisjoint({two.access_key, two.secret_key, two.token})
    assert book.holder(one.access_key) == "i-1"
    assert book.holder("AKIA") is None

"""SSH host keys, made before the VM, so that its first connection can be pinned."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["HostKey", "new_host_key"]


@dataclass(frozen=True)
class HostKey:
    """One VM's ed25519 host key pair, in OpenSSH's formats.

    :param public: ``ssh-ed25519 AAAA...``, as in ``known_hosts``.
    :param private: PEM; it goes into the VM's user data and nowhere else.
    """

    public: str
    private: str = field(repr=False)


def new_host_key() -> HostKey:
    """Make a host key pair."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return HostKey(public.decode(), private.decode())

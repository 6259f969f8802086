"""The ssh provider's hook, made to trust one host key and no other."""

from __future__ import annotations

import logging
import math
from base64 import b64decode
from typing import Any

import paramiko
from airflow.providers.ssh.hooks.ssh import SSHHook
from paramiko.pkey import UnknownKeyType

from airflow_provider_hads.exceptions import HostKeyMismatch, VmError

__all__ = ["PinnedSSHHook", "parse_host_key"]

_LOG_CHANNEL = "airflow_provider_hads.paramiko"


def parse_host_key(text: str) -> paramiko.PKey:
    """Read a public host key as in ``known_hosts``.

    :param text: ``ssh-ed25519 AAAA...``, with or without a comment.
    :raises VmError: it is not a key.
    """
    try:
        kind, data = text.split()[:2]
        return paramiko.PKey.from_type_string(kind, b64decode(data, validate=True))
    except (ValueError, paramiko.SSHException, UnknownKeyType) as error:
        raise VmError(f"not a public host key: {text[:80]!r}: {error}") from error


class PinnedSSHHook(SSHHook):
    """An SSHHook for a host whose key is known before it is connected to.

    The hook itself lets the user's ``known_hosts`` win over the key it is given, and offers to check none.
    Here neither ``known_hosts`` nor the connection's ``host_key``, ``no_host_key_check`` and
    ``allow_host_key_change`` are looked at: where a cloud reuses addresses they would be wrong either way.

    :param pinned_host_key: the public key, as in ``known_hosts``.
    :param timeout: seconds for each of: connecting, the banner, logging in, opening a channel.
    :param hook_arguments: as for SSHHook.
    """

    def __init__(self, *, pinned_host_key: str, timeout: float, **hook_arguments: Any) -> None:
        super().__init__(
            conn_timeout=math.ceil(timeout),
            banner_timeout=timeout,
            auth_timeout=math.ceil(timeout),
            conn_retry_attempts=1,
            **hook_arguments,
        )
        self._pinned = parse_host_key(pinned_host_key)

    def get_conn(self) -> paramiko.SSHClient:
        """Connect, or return the connection that there is.

        :raises HostKeyMismatch: another host has answered.
        """
        if self.client is not None:
            transport = self.client.get_transport()
            if transport is not None and transport.is_active():
                return self.client
        client = paramiko.SSHClient()  # knows no hosts, and rejects those it does not know
        client.set_log_channel(_LOG_CHANNEL)
        logging.getLogger(_LOG_CHANNEL).setLevel(logging.CRITICAL)  # errors are raised as well
        client.get_host_keys().add(self._known_as(), self._pinned.get_name(), self._pinned)
        try:
            client.connect(**self._arguments())
        except paramiko.BadHostKeyException as error:
            client.close()
            found = f"its host key is {error.key.fingerprint}, expected {self._pinned.fingerprint}"
            raise HostKeyMismatch(f"{self.remote_host} is not the VM that was launched: {found}") from error
        except BaseException:
            client.close()  # else the transport's thread goes on
            raise
        self.client = client
        return client

    def _known_as(self) -> str:
        return self.remote_host if self.port == 22 else f"[{self.remote_host}]:{self.port}"

    def _arguments(self) -> dict[str, Any]:
        search = not (self.pkey or self.key_file or self.password)  # else a server counts failed keys
        return {
            "hostname": self.remote_host,
            "port": self.port,
            "username": self.username,
            "password": self.password or None,
            "pkey": self.pkey,
            "key_filename": self.key_file,
            "look_for_keys": search and self.look_for_keys,
            "allow_agent": search,
            "compress": self.compress,
            "sock": self.host_proxy,
            "disabled_algorithms": self.disabled_algorithms,
            "timeout": self.conn_timeout,
            "banner_timeout": self.banner_timeout,
            "auth_timeout": self.auth_timeout,
            "channel_timeout": self.conn_timeout,
        }

"""The public half of the key with which the controller logs in to VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import PrivateKeyError

if TYPE_CHECKING:
    from airflow_provider_hads.vm.connection import SshAccess

__all__ = ["public_key"]


def public_key(access: SshAccess) -> str:
    """Return the public key as in ``authorized_keys``.

    :param access: names the connection or the key file that holds the private key.
    :raises PrivateKeyError: there is no private key, or it can't be read.
    """
    import paramiko

    source = access.key_file or f"connection {access.ssh_conn_id!r}"
    try:
        key = paramiko.PKey.from_path(access.key_file) if access.key_file else _connection_key(access)
    except (OSError, ValueError, paramiko.SSHException) as error:
        remedy = "every worker needs one, by key_path and key_file in setup.cfg or by the SSH connection"
        raise PrivateKeyError(f"The private key of {source} can't be read: {error}; {remedy}") from error
    if key is None:
        raise PrivateKeyError(
            f"SSH {source} has no private key: put one into its extra 'private_key' or 'key_file', "
            "or name key_path and key_file in setup.cfg"
        )
    return f"{key.get_name()} {key.get_base64()}"


def _connection_key(access: SshAccess) -> Any:
    import paramiko
    from airflow.providers.ssh.hooks.ssh import SSHHook
    from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

    try:  # only the connection's key is wanted; no host is connected to
        hook = SSHHook(ssh_conn_id=access.ssh_conn_id, remote_host="localhost")
    except AirflowNotFoundException:  # also where Airflow could not be asked for it: another try may find it
        raise
    except AirflowException as error:
        raise ValueError(str(error)) from error
    if hook.pkey is None and hook.key_file:
        return paramiko.PKey.from_path(hook.key_file)
    return hook.pkey

"""A strict reader of user data: ``#cloud-config`` followed by JSON, no key unknown.

cloud-init itself warns of an unknown key and goes on; here it is an error, so that a mistake shows in a test.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

HEADER = "#cloud-config"
_Item = TypeVar("_Item")


class ConfigError(Exception):
    """User data that is not understood; the message names the key."""


@dataclass(frozen=True)
class User:
    """One account to be made, or to be completed where it is there."""

    name: str
    sudo: tuple[str, ...] = ()
    shell: str = "/bin/bash"
    groups: tuple[str, ...] = ()
    ssh_authorized_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class WriteFile:
    """One file to be written."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root:root"


@dataclass(frozen=True)
class CloudConfig:
    """All that the user data asks for."""

    users: tuple[User, ...] = ()
    default_user: bool = True
    ssh_authorized_keys: tuple[str, ...] = ()
    host_keys: Mapping[str, str] = field(default_factory=dict)
    write_files: tuple[WriteFile, ...] = ()
    runcmd: tuple[str | list[str], ...] = ()
    disable_root: bool = True
    ssh_pwauth: bool = False
    ssh_deletekeys: bool = True


_IGNORED = {
    "manage_etc_hosts": bool,
    "no_ssh_fingerprints": bool,
    "package_update": bool,
    "package_upgrade": bool,
    "preserve_hostname": bool,
    "ssh_genkeytypes": list,
}
_HOST_KEYS = {f"{kind}_{part}" for kind in ("rsa", "ecdsa", "ed25519") for part in ("private", "public")}
_USER_KEYS = {"name", "sudo", "shell", "groups", "lock_passwd", "gecos", "ssh_authorized_keys"}
_FILE_KEYS = {"path", "content", "permissions", "owner", "encoding"}


def parse_user_data(user_data: str) -> CloudConfig:
    """Read user data.

    :param user_data: empty, or ``#cloud-config`` and a JSON object on the following lines.
    :raises ConfigError: it is anything else, or has a key or value that is not understood.
    """
    if not user_data.strip():
        return CloudConfig()
    header, _, body = user_data.partition("\n")
    if header.strip() != HEADER:
        raise ConfigError(f"user data must start with the line {HEADER!r}, not {header[:40]!r}")
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ConfigError(f"only JSON is understood below {HEADER!r}: {error}") from None
    return _config(_expect(document, dict, "the document"))


def _config(document: dict[str, Any]) -> CloudConfig:
    values: dict[str, Any] = {}
    for key, value in document.items():
        if key in _READERS:
            values.update(_READERS[key](value))
        elif key in _IGNORED:
            _expect(value, _IGNORED[key], key)
        else:
            raise ConfigError(f"unknown key {key!r}")
    return CloudConfig(**values)


def _expect(value: Any, kind: type[_Item], key: str) -> _Item:
    if not isinstance(value, kind):
        raise ConfigError(f"{key}: {value!r} is not of type {kind.__name__}")
    return value


def _known_keys(value: Any, known: set[str], key: str) -> dict[str, Any]:
    mapping = _expect(value, dict, key)
    for name in mapping:
        if name not in known:
            raise ConfigError(f"{key}: unknown key {name!r}")
    return mapping


def _strings(value: Any, key: str) -> tuple[str, ...]:
    return tuple(_expect(item, str, key) for item in _expect(value, list, key))


def _users(value: Any) -> dict[str, Any]:
    entries = _expect(value, list, "users")
    users = tuple(_user(entry) for entry in entries if entry != "default")
    return {"users": users, "default_user": "default" in entries}


def _user(value: Any) -> User:
    mapping = _known_keys(value, _USER_KEYS, "users")
    if "name" not in mapping:
        raise ConfigError("users: an entry has no name")
    sudo, groups = mapping.get("sudo"), mapping.get("groups", [])
    return User(
        name=_expect(mapping["name"], str, "users: name"),
        sudo=(sudo,) if isinstance(sudo, str) else _strings(sudo or [], "users: sudo"),
        shell=_expect(mapping.get("shell", "/bin/bash"), str, "users: shell"),
        groups=tuple(groups.split(",")) if isinstance(groups, str) else _strings(groups, "users: groups"),
        ssh_authorized_keys=_strings(mapping.get("ssh_authorized_keys", []), "users: ssh_authorized_keys"),
    )


def _write_files(value: Any) -> dict[str, Any]:
    return {"write_files": tuple(_write_file(entry) for entry in _expect(value, list, "write_files"))}


def _write_file(value: Any) -> WriteFile:
    mapping = _known_keys(value, _FILE_KEYS, "write_files")
    path = _expect(mapping.get("path"), str, "write_files: path")
    content = _expect(mapping.get("content", ""), str, f"write_files: {path}: content")
    permissions = _expect(mapping.get("permissions", "0644"), str, f"write_files: {path}: permissions")
    try:
        mode = int(permissions, 8)
    except ValueError:
        raise ConfigError(f"write_files: {path}: permissions {permissions!r} are not octal") from None
    owner = _expect(mapping.get("owner", "root:root"), str, f"write_files: {path}: owner")
    return WriteFile(path, _decoded(content, mapping.get("encoding", "text/plain"), path), mode, owner)


def _decoded(content: str, encoding: Any, path: str) -> bytes:
    if encoding == "text/plain":
        return content.encode()
    if encoding not in ("b64", "base64"):
        raise ConfigError(f"write_files: {path}: encoding {encoding!r} is not understood")
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        raise ConfigError(f"write_files: {path}: content is not base64") from None


def _host_keys(value: Any) -> dict[str, Any]:
    mapping = _known_keys(value, _HOST_KEYS, "ssh_keys")
    return {"host_keys": {name: _expect(text, str, f"ssh_keys: {name}") for name, text in mapping.items()}}


def _runcmd(value: Any) -> dict[str, Any]:
    commands = [
        line if isinstance(line, str) else list(_strings(line, "runcmd"))
        for line in _expect(value, list, "runcmd")
    ]
    return {"runcmd": tuple(commands)}


def _ssh(value: Any) -> dict[str, Any]:
    _known_keys(value, {"emit_keys_to_console"}, "ssh")
    return {}


def _flag(key: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {key: _expect(value, bool, key)}


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "disable_root": _flag("disable_root"),
    "runcmd": _runcmd,
    "ssh": _ssh,
    "ssh_authorized_keys": lambda value: {"ssh_authorized_keys": _strings(value, "ssh_authorized_keys")},
    "ssh_deletekeys": _flag("ssh_deletekeys"),
    "ssh_keys": _host_keys,
    "ssh_pwauth": _flag("ssh_pwauth"),
    "users": _users,
    "write_files": _write_files,
}

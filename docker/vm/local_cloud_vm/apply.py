"""Carries out a cloud-config, in cloud-init's order: files, host keys, accounts."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from pathlib import Path

from local_cloud_vm.cloud_config import CloudConfig, ConfigError, User, WriteFile

DEFAULT_USER = User("ubuntu", sudo=("ALL=(ALL) NOPASSWD:ALL",))
SSH_FOLDER = Path("/etc/ssh")
SUDOERS = Path("/etc/sudoers.d/90-cloud-init-users")


def apply_config(config: CloudConfig, default_user_key: str | None) -> None:
    """Write the files, then the host keys, then make the accounts.

    :param default_user_key: public key of the instance's EC2 key pair, for the default user.
    :raises ConfigError: something can't be done as it is asked for.
    """
    for file in config.write_files:
        _write_file(file)
    prepare_ssh(config)
    SUDOERS.unlink(missing_ok=True)
    for user in config.users:
        _make_user(user)
    if config.default_user:
        _make_user(DEFAULT_USER)
        keys = config.ssh_authorized_keys + ((default_user_key,) if default_user_key else ())
        _authorize(DEFAULT_USER.name, keys)
    if not config.disable_root:
        _authorize("root", config.ssh_authorized_keys)


def prepare_ssh(config: CloudConfig) -> None:
    """Install the given host keys, or make new ones."""
    if config.ssh_deletekeys:
        for key in SSH_FOLDER.glob("ssh_host_*"):
            key.unlink()
    for name, text in config.host_keys.items():
        kind, _, part = name.partition("_")
        ending, mode = (".pub", 0o644) if part == "public" else ("", 0o600)
        _write_private(SSH_FOLDER / f"ssh_host_{kind}_key{ending}", text.rstrip("\n") + "\n", mode)
    if not config.host_keys:
        subprocess.run(["ssh-keygen", "-q", "-A"], check=True, timeout=60)
    password = "yes" if config.ssh_pwauth else "no"
    (SSH_FOLDER / "sshd_config.d/50-cloud-init.conf").write_text(f"PasswordAuthentication {password}\n")


def _write_file(file: WriteFile) -> None:
    path = Path(file.path)
    if not path.is_absolute():
        raise ConfigError(f"write_files: path {file.path!r} is not absolute")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(file.content)
    path.chmod(file.mode)
    user, _, group = file.owner.partition(":")
    try:
        shutil.chown(path, user or "root", group or user or "root")
    except LookupError as error:
        raise ConfigError(f"write_files: {file.path}: owner {file.owner!r}: {error}") from None


def _make_user(user: User) -> None:
    if not _exists(user.name):
        command = ["useradd", "--create-home", "--shell", user.shell, "--password", "*", user.name]
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        if result.returncode:
            raise ConfigError(f"users: {user.name}: {result.stderr.strip()}")
    if user.groups:
        subprocess.run(["usermod", "-aG", ",".join(user.groups), user.name], check=True, timeout=20)
    rules = "".join(f"{user.name} {rule}\n" for rule in user.sudo)
    if rules:
        _write_private(SUDOERS, (SUDOERS.read_text() if SUDOERS.exists() else "") + rules, 0o440)
    _authorize(user.name, user.ssh_authorized_keys)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _authorize(name: str, keys: tuple[str, ...]) -> None:
    if not keys:
        return
    account = pwd.getpwnam(name)
    folder = Path(account.pw_dir) / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "authorized_keys"
    present = path.read_text().splitlines() if path.exists() else []
    lines = present + [key.strip() for key in keys if key.strip() not in present]
    _write_private(path, "".join(f"{line}\n" for line in lines), 0o600)
    for owned in (folder, path):
        shutil.chown(owned, account.pw_uid, account.pw_gid)


def _write_private(path: Path, text: str, mode: int) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
    path.chmod(mode)

"""Looks for secrets in every command line of this machine while something runs."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from airflow_provider_hads.local_cloud import LocalCloud

__all__ = ["CommandLines", "account_secrets", "leaked", "role_secrets"]

_INTERVAL = 0.05
_BOOT_SECONDS = 30.0
_CREDENTIALS = "latest/meta-data/iam/security-credentials/"
_READ_CREDENTIALS = f"""
import urllib.request
def ask(path, method="GET", **headers):
    request = urllib.request.Request("http://169.254.169.254/" + path, method=method, headers=headers)
    return urllib.request.urlopen(request, timeout=5).read().decode()
token = ask("latest/api/token", "PUT", **{{"X-aws-ec2-metadata-token-ttl-seconds": "60"}})
header = {{"X-aws-ec2-metadata-token": token}}
print(ask("{_CREDENTIALS}" + ask("{_CREDENTIALS}", **header).split()[0], **header))
"""


class CommandLines:
    """All command lines seen while it is open, those inside of containers included."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> CommandLines:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _watch(self) -> None:
        known: set[str] = set()
        while not self._stopped.wait(_INTERVAL):
            present = {path.name for path in Path("/proc").iterdir() if path.name.isdigit()}
            for process in present - known:
                with suppress(OSError):  # it has ended
                    self.seen.add(Path("/proc", process, "cmdline").read_bytes().decode(errors="replace"))
            # One that has just been forked still has its parent's command line: it is looked at once more.
            known = present & (known | self._settled(present))

    def _settled(self, present: Iterable[str]) -> set[str]:
        now = time.time()
        settled = set()
        for process in present:
            with suppress(OSError):
                if now - Path("/proc", process).stat().st_ctime > 1.0:
                    settled.add(process)
        return settled


def account_secrets(cloud: LocalCloud) -> dict[str, str]:
    """Return the account's secrets by a name for messages."""
    connection = json.loads(cloud.environment()["AIRFLOW_CONN_HADS_LOCAL_AWS"])
    key = cloud.private_key().splitlines()
    return {"the account's secret key": connection["password"], "the SSH private key": key[2]}


def _ask_inside(vm: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", "exec", "-i", vm, "python3", "-"]
    return subprocess.run(
        command, input=_READ_CREDENTIALS, capture_output=True, text=True, timeout=20, check=False
    )


def role_secrets(vm: str) -> dict[str, str]:
    """Return the credentials of a VM's role, asked of the metadata service as the VM does.

    A VM that has just begun to run reaches the service as soon as its boot has made the way there.

    :param vm: the VM's container.
    """
    give_up_at = time.monotonic() + _BOOT_SECONDS
    while (answer := _ask_inside(vm)).returncode != 0 and time.monotonic() < give_up_at:
        time.sleep(0.5)
    assert answer.returncode == 0, answer.stderr
    credentials = json.loads(answer.stdout)
    return {
        "the role's secret key": credentials["SecretAccessKey"],
        "the role's token": credentials["Token"],
    }


def leaked(secrets: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Return which secret stands in which place; each place is a text."""
    return [
        f"{secret} in {place}"
        for secret, value in secrets.items()
        for place, text in places.items()
        if value in text
    ]

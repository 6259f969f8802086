"""What EC2's metadata service (IMDSv2) tells a VM, its own credentials for one."""

from __future__ import annotations

import calendar
import json
import threading
import time
from typing import TYPE_CHECKING

from airflow_provider_hads.vm.runner.store import RunnerError
from airflow_provider_hads.vm.runner.web import HttpError, answered, connect

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["METADATA_URL", "Credentials", "ask"]

METADATA_URL = "http://169.254.169.254"
"""Where EC2 has it."""

_TIMEOUT = 5.0  # seconds
_SPARE = 300.0  # seconds before their end at which credentials are fetched anew
_ROLES = "/latest/meta-data/iam/security-credentials/"


class Credentials:
    """The role's credentials, kept until shortly before they end.

    :param url: of the metadata service.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._current: dict[str, str] = {}
        self._until = 0.0

    def get(self) -> dict[str, str]:
        """Return ``AccessKeyId``, ``SecretAccessKey`` and ``Token``.

        :raises RunnerError: the VM has no role.
        :raises OSError: the service does not answer.
        """
        with self._lock:
            if time.time() >= self._until:
                self._current = self._fetch()
                end = time.strptime(self._current["Expiration"][:19], "%Y-%m-%dT%H:%M:%S")
                self._until = calendar.timegm(end) - _SPARE
            return self._current

    def drop(self) -> None:
        """Fetch them anew next time: the bucket has refused them."""
        with self._lock:
            self._until = 0.0

    def _fetch(self) -> dict[str, str]:
        try:
            role = ask(self._url, _ROLES, _TIMEOUT).split()[0]
        except (HttpError, IndexError) as error:
            raise RunnerError("the VM has no instance profile, so it can't use the bucket") from error
        credentials: dict[str, str] = json.loads(ask(self._url, _ROLES + role, _TIMEOUT))
        return credentials


def ask(url: str, path: str, timeout: float) -> str:
    """Return what the service says.

    :param url: of the metadata service.
    :param timeout: seconds for each wait on it.
    :raises HttpError: it refuses, or there is nothing of that path.
    :raises OSError: it does not answer.
    """
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
    token = {"X-aws-ec2-metadata-token": _said(url, "PUT", "/latest/api/token", lifetime, timeout)}
    return _said(url, "GET", path, token, timeout)


def _said(url: str, method: str, target: str, headers: Mapping[str, str], timeout: float) -> str:
    with answered(connect(url, timeout), method, target, headers) as response:
        return response.read().decode()

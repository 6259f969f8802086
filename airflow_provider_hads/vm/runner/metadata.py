"""The VM's own credentials, from EC2's metadata service (IMDSv2)."""

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

__all__ = ["Credentials"]

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
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        token = {"X-aws-ec2-metadata-token": self._ask("PUT", "/latest/api/token", lifetime)}
        try:
            role = self._ask("GET", _ROLES, token).split()[0]
        except (HttpError, IndexError) as error:
            raise RunnerError("the VM has no instance profile, so it can't use the bucket") from error
        credentials: dict[str, str] = json.loads(self._ask("GET", _ROLES + role, token))
        return credentials

    def _ask(self, method: str, target: str, headers: Mapping[str, str]) -> str:
        with answered(connect(self._url, _TIMEOUT), method, target, headers) as response:
            return response.read().decode()

"""Temporary credentials that VMs get from their metadata service."""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

__all__ = ["CredentialBook", "RoleCredentials"]

LIFETIME = timedelta(hours=6)
RENEWAL = timedelta(hours=1)
_KEY_LETTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class RoleCredentials:
    """One VM's credentials; they differ from the account's and from every other VM's."""

    access_key: str
    secret_key: str
    token: str
    issued: datetime
    expires: datetime

    @classmethod
    def new(cls, now: datetime) -> RoleCredentials:
        """Return fresh ones."""
        access_key = "ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))
        return cls(access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(120), now, now + LIFETIME)


class CredentialBook:
    """All credentials given out; used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[str, RoleCredentials] = {}
        self._instances: dict[str, str] = {}

    def of(self, instance_id: str) -> RoleCredentials:
        """Return a VM's credentials, renewed well before they end."""
        now = datetime.now(timezone.utc)
        with self._lock:
            current = self._current.get(instance_id)
            if current is None or current.expires - now < RENEWAL:
                current = RoleCredentials.new(now)
                self._current[instance_id] = current
                self._instances[current.access_key] = instance_id
            return current

    def holder(self, access_key: str) -> str | None:
        """Return the instance id that an access key was given to."""
        with self._lock:
            return self._instances.get(access_key)

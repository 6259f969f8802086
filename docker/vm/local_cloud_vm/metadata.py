"""A client of the instance metadata service, version 2 (session tokens)."""

from __future__ import annotations

import http.client
from functools import lru_cache

SERVICE = "169.254.169.254"
TIMEOUT_SECONDS = 5.0
SESSION_SECONDS = "300"


@lru_cache(maxsize=1)
def _token() -> str:
    answer = _request("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": SESSION_SECONDS})
    if answer is None:
        raise OSError("the metadata service gives no token")
    return answer


def _request(method: str, path: str, headers: dict[str, str]) -> str | None:
    connection = http.client.HTTPConnection(SERVICE, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    return text if response.status == 200 else None


def get(path: str) -> str | None:
    """Return what is at ``/latest/<path>``, or None where there is nothing.

    :raises OSError: the metadata service does not answer.
    """
    return _request("GET", f"/latest/{path}", {"X-aws-ec2-metadata-token": _token()})

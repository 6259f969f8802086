"""A client of the local cloud's own HTTP routes."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.state import ServerState

__all__ = ["ControlClient"]

CONTROL_PATH = "/_local_cloud/"
CONTROL_HEADER = "X-Local-Cloud-Token"
TIMEOUT_SECONDS = 60.0


class ControlClient:
    """Speaks to one server.

    :param server: what it has said about itself.
    """

    def __init__(self, server: ServerState) -> None:
        self._server = server

    def get(self, name: str) -> Any:
        """Return what a route answers.

        :raises CloudError: the server does not answer, or refuses.
        """
        return self._call("GET", name, None)

    def post(self, name: str, document: Any) -> Any:
        """Send a document to a route."""
        return self._call("POST", name, document)

    def delete(self, name: str) -> Any:
        """Clear what a route holds."""
        return self._call("DELETE", name, None)

    def is_up(self) -> bool:
        """Say whether the server answers."""
        try:
            return bool(self.get("health")["status"] == "up")
        except CloudError:
            return False

    def _call(self, method: str, name: str, document: Any) -> Any:
        address = urlsplit(self._server.endpoint_url).netloc
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        headers = {CONTROL_HEADER: self._server.control_token, "Content-Type": "application/json"}
        try:
            connection.request(method, f"{CONTROL_PATH}{name}", json.dumps(document), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CloudError(
                f"The local cloud at {self._server.endpoint_url} does not answer: {error}"
            ) from None
        finally:
            connection.close()
        if response.status != 200:
            raise CloudError(f"The local cloud refused {method} {name}: {answer['error']}")
        return answer

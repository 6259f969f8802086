"""A small client of the Docker Engine API on this machine's own socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_hads.exceptions import CloudError

__all__ = ["DockerEngine", "EngineError", "EngineMissing"]

DEFAULT_HOST = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 60.0


class EngineError(CloudError):
    """The Docker engine refused a request.

    :param status: HTTP status of its answer.
    :param problem: the engine's own words.
    """

    def __init__(self, status: int, problem: str) -> None:
        self.status = status
        super().__init__(f"Docker engine: {problem}")


class EngineMissing(CloudError):
    """No Docker engine answers on this machine."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost")
        self._path = path
        self._socket_timeout = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._socket_timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class DockerEngine:
    """The Docker engine behind one Unix socket.

    :param path: the socket's path.
    """

    path: str

    @classmethod
    def local(cls) -> DockerEngine:
        """Return the engine of ``DOCKER_HOST``, or of the default socket.

        :raises EngineMissing: ``DOCKER_HOST`` is no Unix socket.
        """
        host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        if not host.startswith("unix://"):
            raise EngineMissing(
                f"DOCKER_HOST={host}: the VMs of the local cloud must be reachable from this machine, "
                "so its Docker engine has to run here: use a unix:// socket."
            )
        return cls(host[len("unix://") :])

    def ping(self) -> None:
        """Check that the engine answers.

        :raises EngineMissing: it does not; the message says what to do.
        """
        try:
            self.request("GET", "/_ping", timeout=5.0)
        except PermissionError:
            raise EngineMissing(
                f"This user may not use the Docker engine on {self.path}: join the group docker "
                "(sudo usermod -aG docker $USER, then log in again), or be root."
            ) from None
        except (OSError, EngineError) as error:
            raise EngineMissing(
                f"No Docker engine answers on {self.path} ({error}). Start one (docker/engine.sh does, "
                "and installs it where it is missing; or: sudo systemctl start docker), or set DOCKER_HOST."
            ) from None

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = TIMEOUT_SECONDS,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Make one request and return its JSON answer (or text, where it is none).

        :param path: without the API version.
        :param timeout: seconds the engine may be silent; None waits as long as it lives.
        :raises EngineError: the engine refused.
        :raises OSError: the engine does not answer.
        """
        with self._open(method, path, body, timeout, query or {}) as response:
            data = response.read()
            is_json = response.headers.get_content_type() == "application/json"
            return json.loads(data) if is_json and data else data.decode(errors="replace")

    def stream(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """Make a GET request and yield its answer in blocks.

        :raises EngineError: the engine refused.
        :raises OSError: the engine does not answer.
        """
        with self._open("GET", path, None, TIMEOUT_SECONDS, query or {}) as response:
            while block := response.read(1 << 20):
                yield block

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        timeout: float | None,
        query: Mapping[str, str],
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _UnixConnection(self.path, timeout)
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, target, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status >= 400:
                raise EngineError(response.status, _problem(response.read()))
            yield response
        finally:
            connection.close()

    def image_exists(self, name: str) -> bool:
        """Say whether the engine has that image."""
        try:
            self.request("GET", f"/images/{quote(name)}/json")
        except EngineError as error:
            if error.status == 404:
                return False
            raise
        return True

    def labelled(self, kind: str, labels: Sequence[str], everything: bool = True) -> list[dict[str, Any]]:
        """Return containers, networks or volumes that carry all of these labels.

        :param kind: ``containers``, ``networks`` or ``volumes``.
        :param labels: ``key`` or ``key=value``.
        :param everything: stopped containers too.
        """
        query = {"filters": json.dumps({"label": list(labels)})}
        if kind == "containers":
            query["all"] = "1" if everything else "0"
            answer = self.request("GET", "/containers/json", query=query)
        else:
            answer = self.request("GET", f"/{kind}", query=query)
        found = answer["Volumes"] if kind == "volumes" else answer
        return [dict(item) for item in found or []]

    def remove(self, path: str, query: Mapping[str, str] | None = None) -> None:
        """Delete something; it is fine if it is gone already.

        :param path: ``/containers/<id>``, ``/networks/<id>`` or ``/volumes/<name>``.
        """
        try:
            self.request("DELETE", path, query=query)
        except EngineError as error:
            if error.status not in (404, 409):
                raise
            if error.status == 409 and "in progress" not in str(error):
                raise


def _problem(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace").strip() or "no reason given"

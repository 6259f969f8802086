"""The instance metadata service of all VMs; a VM is known by the address it calls from."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response

from airflow_provider_hads.local_cloud.credentials import CredentialBook
from airflow_provider_hads.local_cloud.ec2 import LocalEc2
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.metadata_tree import find, metadata_tree
from airflow_provider_hads.local_cloud.request_facts import Environ, StartResponse

__all__ = ["MetadataService"]

TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
SESSION_HEADER = "X-aws-ec2-metadata-token"
LONGEST_TTL_SECONDS = 21600


@dataclass
class _Tokens:
    """Session tokens, each good for one instance and a limited time."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    issued: dict[str, tuple[str, float]] = field(default_factory=dict)

    def new(self, instance_id: str, seconds: int) -> str:
        token = secrets.token_urlsafe(40)
        with self.lock:
            self.issued[token] = (instance_id, time.monotonic() + seconds)
        return token

    def good(self, token: str, instance_id: str) -> bool:
        with self.lock:
            owner, end = self.issued.get(token, ("", 0.0))
        return owner == instance_id and time.monotonic() < end


class MetadataService:
    """A WSGI application: versions 1 and 2, the latter alone where the instance says so."""

    def __init__(self, ec2: LocalEc2, credentials: CredentialBook) -> None:
        self._ec2 = ec2
        self._credentials = credentials
        self._tokens = _Tokens()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        with self._ec2.lock:
            instance = self._ec2.machine_at(request.remote_addr or "")
            response = self._answer(request, instance) if instance else _plain("Unknown caller", 404)
        return response(environ, start_response)

    def _answer(self, request: Request, instance: VmInstance) -> Response:
        if instance.metadata_options.http_endpoint == "disabled":
            return _plain("Forbidden", 403)
        if request.path == "/latest/api/token":
            return self._token(request, instance)
        if request.method != "GET":
            return _plain("Method Not Allowed", 405)
        if not self._allowed(request, instance):
            return _plain("Unauthorized", 401)
        path = request.path.removeprefix("/latest/").lstrip("/")
        text = find(metadata_tree(instance, self._credentials), path)
        return _plain("Not Found", 404) if text is None else _plain(text, 200)

    def _token(self, request: Request, instance: VmInstance) -> Response:
        if request.method != "PUT":
            return _plain("Method Not Allowed", 405)
        ttl = request.headers.get(TTL_HEADER, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= LONGEST_TTL_SECONDS:
            return _plain("Bad Request", 400)
        response = _plain(self._tokens.new(instance.id, int(ttl)), 200)
        response.headers[TTL_HEADER] = ttl
        return response

    def _allowed(self, request: Request, instance: VmInstance) -> bool:
        token = request.headers.get(SESSION_HEADER)
        if token is None:
            return str(instance.metadata_options.http_tokens) != "required"
        return self._tokens.good(token, instance.id)


def _plain(text: str, status: int) -> Response:
    return Response(text, status=status, mimetype="text/plain")

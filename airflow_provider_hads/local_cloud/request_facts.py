"""What kind of AWS call an HTTP request is, told without carrying it out."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

__all__ = ["Environ", "RequestFacts", "StartResponse", "read_facts"]

Environ = dict[str, object]
"""A WSGI environment."""

StartResponse = Callable[..., Any]
"""WSGI's other argument."""

LARGEST_FORM = 4 << 20
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/[^/]*/([^/]+)/")


@dataclass(frozen=True)
class RequestFacts:
    """One call.

    :param service: AWS's signing name (``ec2``, ``s3``, ``pricing`` ...); empty for an unsigned call.
    :param action: as the API names it; for S3 ``s3:`` and the HTTP method.
    :param access_key: id of the key it is signed with; empty for an unsigned call.
    :param parameters: its form or query string, as sent; for S3 the path before it.
    """

    service: str
    action: str
    access_key: str
    parameters: str


def read_facts(environ: Environ) -> RequestFacts:
    """Look at a request; a form's body can be read again afterwards."""
    form = _form(environ)
    query = str(environ.get("QUERY_STRING", ""))
    access_key, service = _signature(environ, query)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    action = target.rpartition(".")[2] or parse_qs(form or query).get("Action", [""])[0]
    if not action:
        service = service or "s3"
        action = f"{service}:{environ['REQUEST_METHOD']}"
        return RequestFacts(service, action, access_key, f"{environ.get('PATH_INFO', '')}?{form or query}")
    return RequestFacts(service, action, access_key, form or query)


def _form(environ: Environ) -> str:
    length = int(str(environ.get("CONTENT_LENGTH") or 0))
    is_form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
    if not is_form or not 0 < length <= LARGEST_FORM:
        return ""
    stream: Any = environ["wsgi.input"]
    body: bytes = stream.read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body.decode(errors="replace")


def _signature(environ: Environ, query: str) -> tuple[str, str]:
    header = str(environ.get("HTTP_AUTHORIZATION", ""))
    presigned = parse_qs(query).get("X-Amz-Credential", [""])[0]
    match = _CREDENTIAL.search(header) or _CREDENTIAL.search(f"Credential={presigned}/")
    return (match[1], match[2]) if match else ("", "")

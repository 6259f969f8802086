"""The local cloud's own HTTP routes, beside the AWS API. For this machine only."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.local_cloud.api import AwsApi
from airflow_provider_hads.local_cloud.control_client import CONTROL_HEADER, CONTROL_PATH
from airflow_provider_hads.local_cloud.request_facts import Environ, StartResponse

__all__ = ["ControlledApi", "Route", "Routes"]

Route = Callable[[Any], Any]
"""Takes a request's JSON document (None where there is none), returns the answer's."""

Routes = Mapping[str, Route]
"""By HTTP method and name, as in ``POST faults``."""


class ControlledApi:
    """A WSGI application: the control routes, and the AWS API for all else.

    :param token: secret of the state folder; without it a control route answers 403.
    """

    def __init__(self, api: AwsApi, routes: Routes, token: str) -> None:
        self._api = api
        self._token = token
        self._routes: Routes = {"GET health": lambda document: {"status": "up"}, **routes}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(CONTROL_PATH):
            return self._api(environ, start_response)
        response = self._control(Request(environ), path[len(CONTROL_PATH) :])
        return response(environ, start_response)

    def _control(self, request: Request, name: str) -> Response:
        if not hmac.compare_digest(request.headers.get(CONTROL_HEADER, ""), self._token):
            return _json({"error": "wrong token"}, 403)
        route = self._routes.get(f"{request.method} {name}")
        if route is None:
            return _json({"error": f"no such route: {request.method} {name}"}, 404)
        try:
            return _json(route(request.get_json() if request.method == "POST" else None), 200)
        except (HadsError, KeyError, TypeError, ValueError, OSError) as error:
            return _json({"error": str(error)}, 400)


def _json(document: Any, status: int) -> Response:
    return Response(json.dumps(document), status=status, content_type="application/json")

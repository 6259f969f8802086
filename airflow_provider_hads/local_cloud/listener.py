"""One HTTP listener with a thread for each connection."""

from __future__ import annotations

import threading
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

__all__ = ["Listener"]


class _QuietHandler(MotoRequestHandler):
    """Requests are counted elsewhere; their URLs may hold signatures, which belong in no log."""

    timeout = 120

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _not_up(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b"not up yet"]


class Listener:
    """A listening socket; requests wait until an application is there to answer them.

    :param host: address of this machine.
    :param port: 0 takes a free one.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        self._server = make_server(host, port, _not_up, threaded=True, request_handler=_QuietHandler)
        self.address = f"{host}:{self._server.port}"
        self.url = f"http://{self.address}"

    def start(self, application: Any) -> None:
        """Begin to answer.

        :param application: a WSGI application.
        """
        self._server.app = application
        threading.Thread(target=self._server.serve_forever, name=self.url, daemon=True).start()

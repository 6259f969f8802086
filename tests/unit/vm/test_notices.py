"""The runner asks the metadata service whether EC2 is going to take its VM."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from airflow_provider_hads.vm.runner.notices import Notices
from airflow_provider_hads.vm.runner.web import HttpError

TOKEN = "a-token"
AT_NOON = 1772366400.0
"""2026-03-01 12:00:00 UTC."""


class Metadata(BaseHTTPRequestHandler):
    """EC2's metadata service, version 2, with a notice or none."""

    notice: ClassVar[str | None] = None
    status: ClassVar[int] = 404

    def do_PUT(self) -> None:
        self._answer(200, TOKEN)

    def do_GET(self) -> None:
        known = self.headers["X-aws-ec2-metadata-token"] == TOKEN
        if not known or self.path != "/latest/meta-data/spot/instance-action" or self.notice is None:
            self._answer(self.status, "")
        else:
            self._answer(200, self.notice)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notices]:
    """A watch over a service that has a notice for noon, seen 90 s before."""
    notice = json.dumps({"action": "stop", "time": "2026-03-01T12:00:00Z"})
    monkeypatch.setattr(Metadata, "notice", notice)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Notices(f"http://127.0.0.1:{server.server_port}", now=lambda: AT_NOON - 90)
    server.shutdown()
    server.server_close()


def test_a_notice_is_told_with_the_seconds_that_are_left(notices: Notices) -> None:
    assert notices.current() is None
    notices.look()
    assert notices.current() == {"action": "stop", "seconds": 90.0}


def test_a_notice_that_is_taken_back_is_forgotten(notices: Notices, monkeypatch: pytest.MonkeyPatch) -> None:
    notices.look()
    monkeypatch.setattr(Metadata, "notice", None)
    notices.look()
    assert notices.current() is None


def test_a_service_that_is_out_of_order_changes_nothing(
    notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices.look()
    monkeypatch.setattr(Metadata, "notice", None)
    monkeypatch.setattr(Metadata, "status", 503)
    with pytest.raises(HttpError, match="503"):
        notices.look()
    assert notices.current() == {"action": "stop", "seconds": 90.0}

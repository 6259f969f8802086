"""One HTTP request at a time, with time-outs, and again where that may help."""

from __future__ import annotations

import contextlib
import logging
import random
import re
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.client import HTTPResponse

__all__ = ["HttpError", "answered", "connect", "retried"]

_Answer = TypeVar("_Answer")
_TRIES = 7
_LONGEST_PAUSE = 20.0  # seconds
_PASSING = (400, 403, 408, 429)  # 400 and 403: credentials or a clock out of date, as after a resume


class HttpError(OSError):
    """An answer that is no success.

    :param text: the answer's body, as far as it helps.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {_summary(text)}")
        self.status = status
        self.text = text

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status >= 500 or self.status in _PASSING


def _summary(text: str) -> str:
    """Return the code and the message of an error of S3, or what there is of another answer."""
    parts = [re.search(f"<{name}>([^<]*)</{name}>", text) for name in ("Code", "Message")]
    words = ": ".join(part.group(1) for part in parts if part)
    return " ".join((words or text).split())[:400]


def connect(url: str, timeout: float) -> HTTPConnection:
    """Return a connection to an address's host; it connects with the first request.

    :param timeout: seconds for each wait on the socket.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.netloc, timeout=timeout)


@contextlib.contextmanager
def answered(
    connection: HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: Any = None
) -> Iterator[HTTPResponse]:
    """Make one request and yield its answer.

    :raises HttpError: the answer is neither 2xx nor 304.
    """
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        if not (200 <= response.status < 300 or response.status == 304):
            raise HttpError(response.status, response.read(4096).decode("utf-8", "replace"))
        yield response
    finally:
        connection.close()


def retried(action: Callable[[], _Answer], tries: int = _TRIES) -> _Answer:
    """Do it again, with growing pauses, after errors that may pass; the last error is raised."""
    for number in range(tries - 1):
        try:
            return action()
        except (OSError, HTTPException) as error:
            if isinstance(error, HttpError) and not error.passing:
                raise
            logging.warning("trying again after: %s", error)
            time.sleep(min(_LONGEST_PAUSE, 0.5 * 2**number) * random.uniform(0.5, 1.0))
    return action()

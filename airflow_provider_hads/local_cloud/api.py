"""The AWS API of the local cloud: moto behind a front of faults, locks and services moto lacks."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from airflow_provider_hads.local_cloud.credentials import CredentialBook
from airflow_provider_hads.local_cloud.fault_rates import FaultDice
from airflow_provider_hads.local_cloud.faults import FAIL_BEFORE, FaultBook, RequestLog
from airflow_provider_hads.local_cloud.price_list import PriceListError, get_products
from airflow_provider_hads.local_cloud.prices import PriceTable
from airflow_provider_hads.local_cloud.request_facts import Environ, RequestFacts, StartResponse, read_facts
from airflow_provider_hads.local_cloud.responses import NO_CAPACITY

__all__ = ["AwsApi", "VmApi", "error_response"]


class AwsApi:
    """A WSGI application: every AWS service the local cloud has.

    :param lock: the cloud's; EC2 calls are made one at a time under it.
    """

    def __init__(
        self,
        lock: AbstractContextManager[bool],
        prices: PriceTable,
        faults: FaultBook,
        dice: FaultDice,
        log: RequestLog,
    ) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = lock
        self._claims = threading.Lock()
        self._prices = prices
        self._faults = faults
        self._dice = dice
        self._log = log

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        facts = read_facts(environ)
        self._log.add(facts.action)
        fault = self._faults.take(facts.action, facts.parameters)
        if facts.service == "ec2":
            misfortune = self._dice.draw(facts.action)
            time.sleep(misfortune.delay)
            fault = fault or misfortune.fault
        if fault is None or fault.mode != FAIL_BEFORE:
            response = self._carry_out(environ, facts)
        if fault is not None:
            time.sleep(fault.delay)
            response = error_response(facts.service, fault.code, "A fault was asked for.", fault.status)
        return response(environ, start_response)

    def _carry_out(self, environ: Environ, facts: RequestFacts) -> Response:
        if facts.service == "pricing":
            return self._pricing(environ, facts)
        with self._turn(environ, facts):
            response = Response.from_app(self._moto, environ)
        if response.status_code == 400 and f"<Code>{NO_CAPACITY}</Code>".encode() in response.data:
            response.status_code = 500  # moto answers every error of EC2 with 400
        return response

    def _turn(self, environ: Environ, facts: RequestFacts) -> AbstractContextManager[Any]:
        """Let EC2 calls, and writes that must be the first of their kind, take turns: moto has no locks."""
        if facts.service == "ec2":
            return self._lock
        if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MATCH" not in environ:
            return nullcontext()
        _read_whole_body(environ)
        return self._claims

    def _pricing(self, environ: Environ, facts: RequestFacts) -> Response:
        if facts.action != "GetProducts":
            return error_response("pricing", "NotImplemented", f"{facts.action} is not implemented here", 501)
        try:
            answer = get_products(self._prices, Request(environ).get_json(force=True))
        except PriceListError as error:
            return error_response("pricing", error.code, str(error), 400)
        return Response(json.dumps(answer), content_type="application/x-amz-json-1.1")


class VmApi:
    """The same API as VMs reach it: only with the credentials of a VM's role.

    The account's own keys are refused, so that a test shows when they leak to a VM.
    """

    def __init__(self, api: AwsApi, credentials: CredentialBook) -> None:
        self._api = api
        self._credentials = credentials

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        facts = read_facts(environ)
        if self._credentials.holder(facts.access_key) is None:
            problem = "VMs use the credentials of their role, from the metadata service"
            response: Any = error_response(facts.service, "InvalidAccessKeyId", problem, 403)
        else:
            response = self._api
        answer: Iterable[bytes] = response(environ, start_response)
        return answer


def _read_whole_body(environ: Environ) -> None:
    """Fetch the body before a lock is taken: a slow client must not hold it."""
    length = int(str(environ.get("CONTENT_LENGTH") or 0))
    stream: Any = environ["wsgi.input"]
    if length:
        environ["wsgi.input"] = io.BytesIO(stream.read(length))


def error_response(service: str, code: str, message: str, status: int) -> Response:
    """Return an error in the form that a service's clients understand."""
    if service == "s3":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>local</RequestId></Error>"
    elif service in ("ec2", ""):
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        text = f"<Response><Errors>{error}</Errors><RequestID>local</RequestID></Response>"
    elif service == "pricing":
        document = json.dumps({"__type": code, "message": message})
        return Response(document, status=status, content_type="application/x-amz-json-1.1")
    else:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        text = f"<ErrorResponse>{error}<RequestId>local</RequestId></ErrorResponse>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', status=status, content_type="text/xml")

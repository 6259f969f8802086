"""Telling what kind of AWS call an HTTP request is."""

from __future__ import annotations

import io
from typing import Any

from airflow_provider_hads.local_cloud.request_facts import Environ, RequestFacts, read_facts

SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20300101/us-east-1/{service}/aws4_request, SignedHeaders=host"


def request(service: str, body: bytes = b"", **more: Any) -> Environ:
    """A signed request as a server sees it."""
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8",
        "HTTP_AUTHORIZATION": SIGNED.format(key="AKIA1", service=service),
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(body),
        **more,
    }


def test_an_ec2_call_is_named_in_its_form_which_can_be_read_again() -> None:
    body = b"Action=RunInstances&Version=2016-11-15&InstanceType=c4.large"
    environ = request("ec2", body)

    assert read_facts(environ) == RequestFacts("ec2", "RunInstances", "AKIA1", body.decode())
    stream: Any = environ["wsgi.input"]
    assert stream.read() == body


def test_a_price_list_call_is_named_in_a_header() -> None:
    target = {
        "HTTP_X_AMZ_TARGET": "AWSPriceListService.GetProducts",
        "CONTENT_TYPE": "application/x-amz-json-1.1",
    }

    facts = read_facts(request("pricing", b"{}", **target))

    assert (facts.service, facts.action) == ("pricing", "GetProducts")


def test_a_bucket_call_is_named_by_its_method() -> None:
    facts = read_facts(request("s3", b"data", REQUEST_METHOD="PUT", CONTENT_TYPE="text/plain"))

    assert facts.action == "s3:PUT"


def test_a_presigned_url_tells_its_key() -> None:
    query = "X-Amz-Credential=ASIA2%2F20300101%2Fus-east-1%2Fs3%2Faws4_request"

    facts = read_facts(request("", REQUEST_METHOD="GET", HTTP_AUTHORIZATION="", QUERY_STRING=query))

    assert (facts.service, facts.access_key, facts.action) == ("s3", "ASIA2", "s3:GET")


def test_an_unsigned_request_has_no_key() -> None:
    assert read_facts(request("", HTTP_AUTHORIZATION="")).access_key == ""

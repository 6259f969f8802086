"""A bucket whose client is boto3's own, but whose requests are only written down."""

from __future__ import annotations

import io
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from airflow_provider_hads.storage.bucket import Bucket

__all__ = ["NAME", "SIZE", "RecordedBucket"]

NAME = "results"
SIZE = 20 * 2**20
"""Bytes that every object has: boto3 moves so many in parts."""


class RecordedBucket(Bucket):
    """Answers every request with what a caller needs to go on.

    :param refused: an operation that fails.
    """

    def __init__(self, refused: str = "") -> None:
        self.requests: list[tuple[str, Any]] = []
        self._refused = refused
        session = boto3.Session("a", "s", region_name="us-east-1")
        client = session.client("s3")
        client.meta.events.register("provide-client-params.s3", self._record)
        client.meta.events.register("before-call.s3", self._answer)
        super().__init__(client, NAME)

    def operations(self) -> set[str]:
        """Return the names of the operations that were asked for."""
        return {operation for operation, _ in self.requests}

    def _record(self, params: Any, model: Any, **_: object) -> None:
        self.requests.append((model.name, params))

    def _answer(self, model: Any, **_: object) -> tuple[AWSResponse, dict[str, Any]]:
        answers: dict[str, dict[str, Any]] = {
            "GetObject": {"Body": io.BytesIO(b"")},
            "HeadObject": {"ContentLength": SIZE, "ETag": '"0"'},
            "CreateMultipartUpload": {"UploadId": "upload"},
            "UploadPart": {"ETag": '"1"'},
            "UploadPartCopy": {"CopyPartResult": {"ETag": '"1"'}},
        }
        if model.name == self._refused:
            refusal = {"Code": "InvalidRequest", "Message": "not today"}
            return AWSResponse("", 400, {}, None), {"Error": refusal, "ResponseMetadata": {}}
        return AWSResponse("", 200, {}, None), answers.get(model.name, {})

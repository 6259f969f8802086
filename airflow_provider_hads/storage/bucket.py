"""One S3 bucket, through the amazon provider's hook, with time-outs and clear errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.service_data import share_service_data
from airflow_provider_hads.storage.requests import (
    copy_request,
    get_request,
    list_request,
    put_request,
    upload_request,
)

__all__ = ["Bucket"]

_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0
_ATTEMPTS = 5
_LARGEST_PART = 256 * 2**20
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_HINTS = {
    "NoSuchBucket": "create it, or set [hads] bucket or bucket_name in setup.cfg",
    "AccessDenied": "the AWS connection's identity may not do this; see the IAM policy in the documentation",
    "403": "the AWS connection's identity may not do this; see the IAM policy in the documentation",
}


class Bucket:
    """Objects of one bucket.

    :param client: a boto3 S3 client; see :meth:`connect`.
    :param name: the bucket's name.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    @classmethod
    def connect(cls, aws_conn_id: str | None, name: str, region: str | None = None) -> Bucket:
        """Return the bucket through an AWS connection.

        :param region: overrides the connection's.
        """
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore.config import Config

        hook: Any = S3Hook(aws_conn_id=aws_conn_id, region_name=region)
        share_service_data(hook)
        ours = Config(
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=32,
        )
        return cls(hook.get_client_type(config=ours.merge(hook.config)), name)

    def get(self, key: str) -> bytes:
        """Return an object.

        :raises StorageError: it is missing or can't be read.
        """
        content = self.find(key)
        if content is None:
            raise StorageError(f"s3://{self.name}/{key} is missing")
        return content

    def find(self, key: str) -> bytes | None:
        """Return an object, or None if it is missing.

        :raises StorageError: it can't be read.
        """
        from botocore.exceptions import ClientError

        with self._translated(f"read {key}"):
            try:
                content: bytes = self._client.get_object(**get_request(self.name, key))["Body"].read()
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return content

    def put(self, key: str, content: bytes) -> None:
        """Write an object.

        :raises StorageError: it can't be written.
        """
        with self._translated(f"write {key}"):
            self._client.put_object(**put_request(self.name, key, content))

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write an object unless there is one of that key (``If-None-Match: *``).

        :return: whether this call has written it. An object of the same
            content counts as written by this call: its answer was lost, and the call repeated.
        :raises StorageError: it can't be written.
        """
        from botocore.exceptions import ClientError

        with self._translated(f"write {key}"):
            try:
                self._client.put_object(**put_request(self.name, key, content, only_if_absent=True))
            except ClientError as error:
                if _code(error) not in _TAKEN:
                    raise
                return self.find(key) == content
            return True

    def upload(self, key: str, source: Path) -> None:
        """Write an object from a file, in parts where it is large.

        :raises StorageError: it can't be written.
        """
        with self._translated(f"write {key}"):
            self._client.upload_file(**upload_request(self.name, key, str(source)))

    def copy(self, source: str, target: str, size: int) -> None:
        """Copy an object within the bucket, in parts where it is large.

        :param size: bytes.
        :raises StorageError: it can't be copied.
        """
        with self._translated(f"copy {source} to {target}"):
            request = copy_request(self.name, source, target)
            if size > _LARGEST_PART:
                self._client.copy(**request)
            else:
                self._client.copy_object(**request)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, in S3's order.

        :raises StorageError: they can't be listed.
        """
        with self._translated(f"list {prefix}"):
            paginator = self._client.get_paginator("list_objects_v2")
            for page in paginator.paginate(**list_request(self.name, prefix)):
                yield from (entry["Key"] for entry in page.get("Contents", ()))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the "folders" whose names begin with a prefix, each with a ``/`` at its end.

        :raises StorageError: they can't be listed.
        """
        with self._translated(f"list {prefix}"):
            paginator = self._client.get_paginator("list_objects_v2")
            for page in paginator.paginate(**list_request(self.name, prefix, folders=True)):
                yield from (entry["Prefix"] for entry in page.get("CommonPrefixes", ()))

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = _code(error)
            hint = f"; {_HINTS[code]}" if code in _HINTS else ""
            raise StorageError(f"Bucket {self.name}: could not {what}: {code}{hint}") from error
        except (BotoCoreError, Boto3Error) as error:
            raise StorageError(f"Bucket {self.name}: could not {what}: {error}") from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))

"""The requests to S3, as plain data."""

from __future__ import annotations

from typing import Any

__all__ = ["copy_request", "get_request", "list_request", "put_request", "upload_request"]


def get_request(bucket: str, key: str) -> dict[str, Any]:
    """Return the GetObject request for an object."""
    return {"Bucket": bucket, "Key": key}


def put_request(bucket: str, key: str, content: bytes, *, only_if_absent: bool = False) -> dict[str, Any]:
    """Return the PutObject request for an object.

    :param only_if_absent: S3 refuses it where there is an object of that key.
    """
    condition = {"IfNoneMatch": "*"} if only_if_absent else {}
    return {"Bucket": bucket, "Key": key, "Body": content, **condition}


def upload_request(bucket: str, key: str, path: str) -> dict[str, Any]:
    """Return what boto3's ``upload_file`` takes; the requests that it makes of it are its own.

    :param path: of the file.
    """
    return {"Bucket": bucket, "Key": key, "Filename": path}


def copy_request(bucket: str, source: str, target: str) -> dict[str, Any]:
    """Return the CopyObject request within a bucket, which is also what boto3's ``copy`` takes."""
    return {"Bucket": bucket, "Key": target, "CopySource": {"Bucket": bucket, "Key": source}}


def list_request(bucket: str, prefix: str, *, folders: bool = False) -> dict[str, Any]:
    """Return the ListObjectsV2 request for the keys that begin with a prefix.

    :param folders: what has a ``/`` after the prefix is summed up to that.
    """
    delimiter = {"Delimiter": "/"} if folders else {}
    return {"Bucket": bucket, "Prefix": prefix, **delimiter}

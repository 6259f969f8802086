"""The demo's bucket, kept on disk between two demos: the local cloud's own ends with the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["is_result", "restore_bucket", "save_bucket"]

_IMAGES = "images/"


def restore_bucket(s3: Any, bucket: str, folder: Path) -> None:
    """Put into the bucket what an earlier demo has left on disk, so that runs are counted on.

    :param s3: a boto3 S3 client.
    :param folder: what :func:`save_bucket` has written; need not exist.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            s3.upload_file(str(path), bucket, path.relative_to(folder).as_posix())


def save_bucket(s3: Any, bucket: str, folder: Path) -> list[Path]:
    """Write to disk what the bucket holds beyond what is there already; images are left out.

    :param s3: a boto3 S3 client.
    :return: the files that are new.
    """
    new = []
    for key in _keys(s3, bucket):
        target = folder / key
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(target))
            new.append(target)
    return new


def is_result(path: Path, folder: Path) -> bool:
    """Say whether a file of the bucket is a published result: ``<run>/<task>/data/...``."""
    return path.relative_to(folder).parts[2:3] == ("data",)


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            if not entry["Key"].startswith(_IMAGES):
                yield entry["Key"]

"""The run's bucket, read and written with the VM's own role."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from http.client import HTTPException
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_hads.vm.runner.metadata import METADATA_URL, Credentials
from airflow_provider_hads.vm.runner.signing import sign
from airflow_provider_hads.vm.runner.web import HttpError, answered, connect, retried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

__all__ = ["Bucket", "FileSlice", "sha256_of"]

_TIMEOUT = 60.0  # seconds for each wait on the socket
_BLOCK = 2**20
_PART_SIZE = 256 * 2**20  # a bigger file goes up in parts of this size; S3 takes 10,000 of them
_EMPTY = hashlib.sha256().hexdigest()


class FileSlice:
    """A part of a file, read like a file."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb")
        self._file.seek(start)
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the slice."""
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def sha256_of(path: Path, start: int = 0, size: int | None = None) -> str:
    """Return the digest of a file or of a part of it."""
    digest = hashlib.sha256()
    length = path.stat().st_size - start if size is None else size
    with contextlib.closing(FileSlice(path, start, length)) as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


class Bucket:
    """One bucket.

    :param config: runner.json: ``bucket``, ``region``, ``endpoint`` (None for AWS) and, where it is not
        EC2's own, ``metadata_url``; ``part_size`` in bytes, where big files are to go up in other parts than
        of 256 MB.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._region: str = config["region"]
        domain = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        host: str = config.get("endpoint") or f"https://s3.{self._region}.{domain}"
        self._base = f"{host.rstrip('/')}/{config['bucket']}/"
        self._credentials = Credentials(config.get("metadata_url") or METADATA_URL)
        self._part_size = int(config.get("part_size") or _PART_SIZE)

    def get(self, key: str, target: IO[bytes]) -> None:
        """Write an object's content into a file.

        :raises HttpError: there is no such object, or the role may not read it.
        """

        def once() -> None:
            target.seek(0)
            target.truncate()
            with self.opened("GET", key) as response:
                shutil.copyfileobj(response, target, _BLOCK)

        retried(once)

    def put(self, key: str, path: Path, size: int, digest: str) -> None:
        """Upload a file; S3 checks the digest.

        :param size: bytes.
        """
        if size <= self._part_size:
            self._put(key, path, 0, size, digest)
        else:
            self._put_in_parts(key, path, size)

    @contextlib.contextmanager
    def opened(
        self, method: str, key: str, query: str = "", body: Any = None, size: int = 0, digest: str = _EMPTY
    ) -> Iterator[HTTPResponse]:
        """Make one signed request and yield its answer."""
        url = self._base + quote(key, safe="/~") + (f"?{query}" if query else "")
        headers = sign(method, url, digest, self._credentials.get(), self._region, time.time())
        headers["content-length"] = str(size)
        try:
            target = "/" + url.split("/", 3)[3]
            with answered(connect(url, _TIMEOUT), method, target, headers, body) as response:
                yield response
        except HttpError as error:
            if error.status in (400, 403):
                self._credentials.drop()
            raise

    def _put(self, key: str, path: Path, start: int, size: int, digest: str, query: str = "") -> str:
        def once() -> str:
            with contextlib.closing(FileSlice(path, start, size)) as body:
                return self._send(key, query, body, size, digest)

        return retried(once)

    def _send(self, key: str, query: str, body: FileSlice, size: int, digest: str) -> str:
        with self.opened("PUT", key, query, body, size, digest) as response:
            return response.headers.get("ETag", "")

    def _post(self, key: str, query: str, body: bytes = b"") -> str:
        def once() -> str:
            digest = hashlib.sha256(body).hexdigest()
            with self.opened("POST", key, query, body, len(body), digest) as response:
                return response.read().decode()

        return retried(once)

    def _put_in_parts(self, key: str, path: Path, size: int) -> None:
        upload_id = self._post(key, "uploads=").split("<UploadId>")[1].split("<")[0]
        upload = "uploadId=" + quote(upload_id, safe="~")
        try:
            self._put_all_parts(key, path, size, upload)
        except BaseException:
            self._abort(key, upload)
            raise

    def _put_all_parts(self, key: str, path: Path, size: int, upload: str) -> None:
        parts = []
        for number, start in enumerate(range(0, size, self._part_size), 1):
            length = min(self._part_size, size - start)
            digest = sha256_of(path, start, length)
            etag = self._put(key, path, start, length, digest, f"partNumber={number}&{upload}")
            parts.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        listing = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"
        answer = self._post(key, upload, listing.encode())
        if "<Error>" in answer:  # S3 says 200 before it knows
            raise HttpError(500, answer)

    def _abort(self, key: str, upload: str) -> None:
        """Have S3 forget the parts of an upload that has failed: it would keep them, and bill them."""
        with contextlib.suppress(OSError, HTTPException), self.opened("DELETE", key, upload):
            pass

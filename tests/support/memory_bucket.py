"""A bucket in memory, as consistent as S3: what is written is read and listed at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock

from airflow_provider_hads.storage.bucket import Bucket

__all__ = ["MemoryBucket"]


def _nothing() -> None:
    """Let a request happen at once."""


class MemoryBucket(Bucket):
    """Objects by key.

    :param before: is called before each request.
    """

    def __init__(self, before: Callable[[], None] = _nothing) -> None:
        super().__init__(None, "memory")
        self.objects: dict[str, bytes] = {}
        self._before = before
        self._lock = Lock()

    def find(self, key: str) -> bytes | None:
        """Return an object, or None if it is missing."""
        self._before()
        return self.objects.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self._before()
        self.objects[key] = content

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write an object unless there is another one of that key."""
        self._before()
        with self._lock:
            return self.objects.setdefault(key, content) == content

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys that begin with a prefix."""
        self._before()
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

"""The decisions of a run, in parts: the controller's state keeps the last ones only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout

__all__ = ["KeptDecisions"]


class KeptDecisions:
    """The decisions of one generation of a run, each part an object that is named for its first decision.

    :param generation: the run's; clearing it begins the count anew.
    """

    def __init__(self, bucket: Bucket, layout: RunLayout, generation: int) -> None:
        self._bucket = bucket
        self._folder = layout.decisions(generation)

    def write(self, first: int, decisions: Sequence[Mapping[str, Any]]) -> None:
        """Write a part; doing it again changes nothing.

        :param first: number of its first decision, counted from 0 over the generation.
        :raises StorageError: the bucket can't be written.
        """
        self._bucket.put(f"{self._folder}{first:06d}.json", json.dumps(list(decisions)).encode())

    def read(self) -> dict[int, list[dict[str, Any]]]:
        """Return all parts by the number of their first decision.

        :raises StorageError: the bucket can't be read.
        """
        names = [key[len(self._folder) :] for key in self._bucket.keys(self._folder)]
        return {
            int(name.removesuffix(".json")): json.loads(self._bucket.get(f"{self._folder}{name}"))
            for name in names
        }

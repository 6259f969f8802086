"""What persistent spot requests launch after their VM has ended: without its tags, for all EC2 documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_hads.cloud.tags import RUN_TAG, tag_values
from airflow_provider_hads.model.fleet import InstanceState

__all__ = ["Followers"]


class Followers:
    """The persistent spot requests of a run's VMs, by which what they launch anew is found and named.

    What it was shown it remembers, for EC2 shows an ended VM for about an hour only.
    """

    def __init__(self) -> None:
        self._tags: dict[str, Sequence[Mapping[str, str]]] = {}
        self._over: set[str] = set()

    def to_ask_about(self, entries: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the ids of the requests that may have launched a VM which the run's tag does not show.

        :param entries: the VMs that it shows, as DescribeInstances has them.
        """
        with_request = [entry for entry in entries if entry.get("SpotInstanceRequestId")]
        self._tags.update(
            {entry["SpotInstanceRequestId"]: entry["Tags"] for entry in with_request if _persists(entry)}
        )
        alive = {entry["SpotInstanceRequestId"] for entry in with_request if not _ended(entry)}
        return sorted(request for request in list(self._tags) if request not in alive | self._over)

    def named(self, entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return VMs of such requests, those without the run's tag with the tags of the VM before them.

        :param entries: as DescribeInstances has them.
        """
        return [entry if _is_tagged(entry) else self._with_tags(entry) for entry in entries]

    def forget(self, request_id: str | None) -> None:
        """Ask no more about a request: it was cancelled, and its VM ended.

        :param request_id: None for a VM without one.
        """
        if request_id is not None:
            self._over.add(request_id)

    def _with_tags(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**entry, "Tags": self._tags[entry["SpotInstanceRequestId"]]}


def _persists(entry: Mapping[str, Any]) -> bool:
    """Say whether a VM's request may launch another: it is persistent where its VM can hibernate."""
    return bool(entry.get("HibernationOptions", {}).get("Configured", False))


def _ended(entry: Mapping[str, Any]) -> bool:
    return InstanceState(entry["State"]["Name"]).ended


def _is_tagged(entry: Mapping[str, Any]) -> bool:
    return RUN_TAG in tag_values(entry.get("Tags", ()))

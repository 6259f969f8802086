"""Interruptions at random, which a local cloud makes on demand."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_hads.exceptions import CloudError, InputError

__all__ = ["LocalHazard"]

PATH = "/_local_cloud/hazard"
HEADER = "X-Local-Cloud-Token"
TIMEOUT = 30.0
"""Seconds for one call."""


class LocalHazard:
    """Lets a local cloud interrupt and resume its spot VMs at random while a block runs.

    :param aws_conn_id: the connection; that of a local cloud has the token for this in its extras.
    :param hibernation_rate: interruptions a second of each spot VM that runs.
    :param resume_rate: resumes a second of each that is hibernated. With both 0 nothing is done.
    """

    def __init__(self, aws_conn_id: str, hibernation_rate: float, resume_rate: float) -> None:
        self._aws_conn_id = aws_conn_id
        self._rates = {"hibernation": hibernation_rate, "resume": resume_rate, "termination": 0.0}

    def __enter__(self) -> LocalHazard:
        """Begin.

        :raises InputError: the connection is not one to a local cloud.
        :raises CloudError: the local cloud does not answer, or refuses.
        """
        if any(self._rates.values()):
            self._call("POST", {"rates": self._rates, "trace": None, "seed": None})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; what is hibernated stays so."""
        if any(self._rates.values()):
            self._call("DELETE", None)

    def _call(self, method: str, document: Any) -> None:
        extra = self._extra()
        token, url = extra.get("local_cloud_token"), extra.get("endpoint_url")
        if not token or not url:
            problem = f"is for a local cloud, and connection {self._aws_conn_id!r} leads to none; set it to 0"
            raise InputError("DAG params", "hibernation_rate", problem)
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        headers = {HEADER: token, "Content-Type": "application/json"}
        try:
            connection.request(method, PATH, json.dumps(document), headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise CloudError(f"The local cloud refused the hazard: {response.read(500)!r}")
        except (OSError, http.client.HTTPException) as error:
            raise CloudError(f"The local cloud does not answer: {error}") from error
        finally:
            connection.close()

    def _extra(self) -> dict[str, Any]:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

        hook: Any = AwsBaseHook(aws_conn_id=self._aws_conn_id)
        extra: dict[str, Any] = hook.conn_config.extra_config
        return extra

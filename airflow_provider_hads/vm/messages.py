"""What goes over the wire between the controller and a VM's runner, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import VmError
from airflow_provider_hads.model.runner import Exchange, VmStatus

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["RunnerConfig", "dump_config", "dump_exchange", "load_status"]


@dataclass(frozen=True)
class RunnerConfig:
    """What a runner needs to know, its ``runner.json``.

    :param prefix: the run's folder in the bucket.
    :param endpoint: address of S3 as the VM reaches it; None is AWS's own.
    :param slots: tasks at once.
    :param memory: MB that the tasks at work may have reserved together.
    """

    prefix: str
    bucket: str
    region: str
    endpoint: str | None
    slots: int
    memory: float


def dump_config(config: RunnerConfig) -> bytes:
    """Return the content of ``runner.json``."""
    return json.dumps(asdict(config), indent=1).encode()


def dump_exchange(message: Exchange) -> bytes:
    """Return the JSON of a message to a VM."""
    return _adapter(Exchange).dump_json(message)


def load_status(answer: bytes) -> VmStatus:
    """Read a VM's answer.

    :raises VmError: it is not a status.
    """
    from pydantic import ValidationError

    try:
        status: VmStatus = _adapter(VmStatus).validate_json(answer)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise VmError(
            f"the VM's answer is not a status: {field}: {first['msg']}: {answer[:200]!r}"
        ) from error
    return status


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)

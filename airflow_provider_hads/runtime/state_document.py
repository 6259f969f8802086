"""RunState as one compact JSON document for the task state store."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from pydantic import TypeAdapter

from airflow_provider_hads.model.run_state import RunState

__all__ = ["dump_state", "load_state"]

_PLAIN_LIMIT = 32 * 1024
_ADAPTER = TypeAdapter(RunState)


def dump_state(state: RunState) -> dict[str, Any]:
    """Return the state as a JSON-able document; a large one is compressed (the store warns above 64 KB)."""
    text = json.dumps(_ADAPTER.dump_python(state, mode="json", exclude_defaults=True), separators=(",", ":"))
    if len(text) <= _PLAIN_LIMIT:
        return {"state": json.loads(text)}
    return {"zlib": base64.b64encode(zlib.compress(text.encode())).decode()}


def load_state(document: dict[str, Any]) -> RunState:
    """Read what :func:`dump_state` gave."""
    if "zlib" in document:
        return _ADAPTER.validate_json(zlib.decompress(base64.b64decode(document["zlib"])))
    return _ADAPTER.validate_python(document["state"])

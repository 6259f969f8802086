"""Resolved settings as JSON, for the copy that a run keeps in its bucket."""

from __future__ import annotations

import dataclasses
import json

from pydantic import TypeAdapter, ValidationError

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs.document import read_json
from airflow_provider_hads.inputs.validation import translated
from airflow_provider_hads.model.settings import Settings

__all__ = ["settings_from_json", "settings_to_json"]


def settings_to_json(settings: Settings) -> str:
    """Return the settings as JSON text; :func:`settings_from_json` gives the same settings again."""
    return json.dumps(dataclasses.asdict(settings), indent=2) + "\n"


def settings_from_json(text: str, file: str = "settings.json") -> Settings:
    """Read what :func:`settings_to_json` wrote.

    :param file: name of the file, for messages.
    :raises InputErrors: it is something else.
    """
    read_json(text, file)
    try:
        return TypeAdapter(Settings).validate_json(text, strict=True)
    except ValidationError as error:
        raise InputErrors([translated(dict(problem), file, []) for problem in error.errors()]) from None

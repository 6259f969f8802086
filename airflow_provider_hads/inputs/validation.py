"""From a JSON tree to a checked document: every problem becomes one line with path, value and remedy."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.inputs.document import dotted_path, read_json, shown
from airflow_provider_hads.model import is_safe_name

__all__ = [
    "SAFE_NAME_RULE",
    "Amount",
    "Count",
    "Document",
    "PositiveAmount",
    "SafeName",
    "read_document",
    "suggestion",
    "translated",
]

LARGEST = 1e9
"""No runtime, size, price or count is sensibly larger; sums of such numbers stay finite."""

SAFE_NAME_RULE = "use 1 to 64 letters, digits, '_', '.' and '-', the first and the last a letter or digit"


def _safe_name(name: str) -> str:
    if not is_safe_name(name):
        raise ValueError(f"{shown(name)} can't be used as a name: {SAFE_NAME_RULE}")
    return name


SafeName = Annotated[str, AfterValidator(_safe_name)]
Amount = Annotated[float, Field(ge=0, le=LARGEST)]
PositiveAmount = Annotated[float, Field(gt=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]


class Document(BaseModel):
    """Base of all that is read from JSON: nothing is coerced, and no unknown key is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


AnyDocument = TypeVar("AnyDocument", bound=Document)

_OF_THE_KEY = "[key]"
"""What pydantic adds to the path of a problem with a key itself."""

_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "an object ({...})",
    "dict_type": "an object ({...})",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list ([...])",
    "model_type": "an object ({...})",
    "string_type": "a string",
    "tuple_type": "a list ([...])",
}
_EXPECTED_BOUND = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def read_document(document_type: type[AnyDocument], text: str, file: str) -> AnyDocument:
    """Read a JSON text as a document of the given type.

    :param file: name of the file, for messages.
    :raises InputErrors: all that is wrong with it.
    """
    tree = read_json(text, file)
    try:
        return document_type.model_validate(tree)
    except ValidationError as error:
        known = _known_keys(document_type)
        raise InputErrors([translated(dict(problem), file, known) for problem in error.errors()]) from None


def translated(problem: dict[str, Any], file: str, known_keys: list[str]) -> InputError:
    """Return a pydantic problem in our own words.

    :param known_keys: what an unknown key may have been meant to be.
    """
    path = list(problem["loc"])
    if path[1:] and path[-1] == _OF_THE_KEY and problem["type"] == "value_error":
        path.pop()
    return InputError(file, dotted_path(path), _words(problem, path, known_keys))


def _words(problem: dict[str, Any], path: list[Any], known_keys: list[str]) -> str:
    kind, value = problem["type"], problem["input"]
    if kind == "missing":
        return "this key is missing; add it"
    if kind == "extra_forbidden":
        return f"unknown key; {suggestion(str(path[-1]), known_keys) or 'remove it'}"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    if kind in _EXPECTED_BOUND:
        name, words = _EXPECTED_BOUND[kind]
        return f"{shown(value)} is out of range; it must be {words} {problem['ctx'][name]:g}"
    if kind == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        return f"{shown(value)} is too large a number; use fewer digits"
    expected = _EXPECTED.get(kind)
    return f"{shown(value)} is not {expected}" if expected else f"{shown(value)}: {problem['msg']}"


def suggestion(word: str, known: list[str]) -> str:
    """Return ``did you mean ...?`` for a misspelt word, or nothing."""
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def _known_keys(document_type: type[Document]) -> list[str]:
    schema = document_type.model_json_schema()
    objects = [schema, *schema.get("$defs", {}).values()]
    return sorted({key for definition in objects for key in definition.get("properties", {})})

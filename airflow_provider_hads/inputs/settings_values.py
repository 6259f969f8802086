"""Converters of ``setup.cfg``: text to value, or what the value must be."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = [
    "Converter",
    "absolute_path",
    "list_of",
    "number",
    "text",
    "text_like",
    "whole_number",
    "yes_or_no",
]

Converter = Callable[[str], object]
"""Takes the text of a value; raises ValueError that says what the value must be."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
_YES = ("yes", "true", "on", "1")
_NO = ("no", "false", "off", "0")
_LARGEST = 1e9


def text(value: str) -> str:
    """Take any text."""
    return value


def text_like(pattern: str, expected: str) -> Converter:
    """Take text of one form.

    :param pattern: regular expression for the whole text.
    :param expected: what it must be, for messages.
    """
    compiled = re.compile(pattern, re.ASCII)

    def convert(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(expected)
        return value

    return convert


def list_of(converter: Converter, expected: str) -> Converter:
    """Take values with commas between them, each of them once.

    :param converter: of one of them.
    :param expected: what they must be, for messages.
    """

    def convert(value: str) -> tuple[object, ...]:
        try:
            values = tuple(converter(one.strip()) for one in value.split(","))
        except ValueError:
            raise ValueError(expected) from None
        if len(set(values)) < len(values):
            raise ValueError(f"{expected}, each of them once")
        return values

    return convert


def number(least: float = 0.0, most: float = _LARGEST, *, above: bool = False) -> Converter:
    """Take a finite number.

    :param above: ``least`` itself is too small.
    """
    bound = f"more than {least:g}" if above else f"at least {least:g}"
    expected = f"a number, {bound} and at most {most:g}"

    def convert(value: str) -> float:
        if _NUMBER.fullmatch(value) is None:
            raise ValueError(expected)
        result = float(value)
        if not least <= result <= most or (above and result == least):
            raise ValueError(expected)
        return result

    return convert


def whole_number(least: int = 0, most: int = int(_LARGEST)) -> Converter:
    """Take a whole number."""
    expected = f"a whole number from {least} to {most}"

    def convert(value: str) -> int:
        if _WHOLE_NUMBER.fullmatch(value) is None or not least <= int(value) <= most:
            raise ValueError(expected)
        return int(value)

    return convert


def yes_or_no(value: str) -> bool:
    """Take the words that the original takes for a switch."""
    if value.lower() not in (*_YES, *_NO):
        raise ValueError("'yes' or 'no'")
    return value.lower() in _YES


def absolute_path(value: str) -> str:
    """Take an absolute path on a VM or in a container, without ``..``."""
    if not value.startswith("/") or ".." in value.split("/"):
        raise ValueError("an absolute path without '..'")
    return value.rstrip("/") or "/"

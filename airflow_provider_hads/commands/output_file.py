"""Files that a command writes: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_hads.exceptions import InputError, InputErrors

__all__ = ["distinct", "output_path", "write_text"]


def output_path(text: str) -> Path:
    """Read the name of a file to be written.

    :raises ValueError: it can't be written there, as far as can be told.
    """
    if "\0" in text:
        raise ValueError(f"{text!r} has a zero byte, which no file's name can have; name another file")
    path = Path(os.path.expanduser(text))
    if os.path.isdir(path):
        raise ValueError(f"{text!r} is a folder; name a file")
    if not os.path.isdir(path.parent):
        raise ValueError(f"{text!r} can't be written: there is no folder {str(path.parent)!r}; make it first")
    return path


def distinct(outputs: Mapping[str, Path | None]) -> None:
    """Make sure that no two options write the same file.

    :param outputs: where each option writes, if it is given.
    :raises ValueError: the second would overwrite what the first has written.
    """
    seen: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        place = os.path.realpath(path)
        if place in seen:
            raise ValueError(f"{str(path)!r} is the file of {seen[place]} and of {option}; name another")
        seen[place] = option


def write_text(path: Path, text: str) -> None:
    """Write a file: beside its place first, then moved there, so that no one sees half of it.

    A link is followed. What is no regular file (a device, a pipe) is written to, never replaced.

    :raises InputErrors: the system refused.
    """
    try:
        if _is_special(path):
            path.write_text(text, encoding="utf-8")
        else:
            _replace(Path(os.path.realpath(path)), text)
    except OSError as error:
        problem = f"it can't be written: {error.strerror}; name another file"
        raise InputErrors([InputError(str(path), "", problem)]) from None


def _is_special(path: Path) -> bool:
    """Say whether there is something else than a regular file; a link that leads nowhere else counts."""
    there = os.path.exists(path) or os.path.islink(os.path.realpath(path))
    return there and not os.path.isfile(path)


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f".hads-{os.getpid()}.tmp")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)

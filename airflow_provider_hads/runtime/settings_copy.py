"""The text of a ``setup.cfg`` as it goes into a bucket: without credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from configparser import ConfigParser

__all__ = ["without_credentials"]

_NAME = r"(access_?key|secret|token|passw|pwd)"
_CREDENTIAL = re.compile(rf"{_NAME}[^=:]*[=:]")
"""What names a credential, in small letters, and gives it a value, wherever in a line that is."""

_MENTIONED = re.compile(_NAME)
"""In a comment the name is enough: what is written there has no form."""

_COMMENTS = ("#", ";")
_REMOVED = "# (removed)"


def without_credentials(settings: bytes) -> bytes:
    """Return the text of a ``setup.cfg`` without the keys that hold credentials, and without their values.

    All lines of such a value go, down to the next one that configparser reads as a key or as a section.
    Comments that give a credential go, too.
    """
    text = settings.decode("utf-8", "surrogateescape").lstrip("\ufeff")
    kept = (line for block in _blocks(text.split("\n")) for line in _harmless(block))
    return "\n".join(kept).encode("utf-8", "surrogateescape")


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the lines from each key or section to the next one, told apart as configparser does it."""
    block: list[str] = []
    depth_of_key: int | None = None
    for line in lines:
        content, depth = line.strip(), len(line) - len(line.lstrip())
        continues = depth_of_key is not None and depth > depth_of_key
        if content and not content.startswith(_COMMENTS) and not continues:
            is_section = ConfigParser.SECTCRE.match(content) is not None
            if is_section or ConfigParser.OPTCRE.match(content):
                yield block
                block, depth_of_key = [], None if is_section else depth
        block.append(line)
    yield block


def _harmless(block: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(block):
        sign = _MENTIONED if line.strip().startswith(_COMMENTS) else _CREDENTIAL
        if not sign.search(line.lower()):
            yield line
            continue
        section = ConfigParser.SECTCRE.match(line.strip()) if number == 0 else None
        yield _REMOVED if section is None else section.group()
        if section is None and not line.strip().startswith(_COMMENTS):
            return  # what follows may belong to the value

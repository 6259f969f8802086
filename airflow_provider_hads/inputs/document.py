"""JSON text to a tree, with one clear error for everything that JSON readers differ about."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from airflow_provider_hads.exceptions import InputError, InputErrors

__all__ = ["dotted_path", "listed", "read_json", "shown"]

_LONGEST_SHOWN = 60
_MOST_LISTED = 10
_PLAIN_KEY = re.compile(r"[!#-\-/-9;-~]+(\.[!#-\-/-9;-~]+)*")
"""What ends where it seems to: no dot at either end or beside another, no space, quote or colon."""


class _ObjectWithDuplicates(dict[str, object]):
    """A JSON object in which some key stands more than once."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.duplicates = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]


def _object_from_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _ObjectWithDuplicates(pairs)


def shown(value: object) -> str:
    """Return a value as it goes into a message: on one line, in ASCII, and not too long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = json.dumps(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    cut = text[:_LONGEST_SHOWN].rstrip("\\")  # half an escape would take the quote with it
    return f'{cut}"...' if isinstance(value, str) else f"{cut}..."


def listed(names: Iterable[str]) -> str:
    """Return names as they go into a message: with commas between them, and the first ten at most."""
    first = list(itertools.islice(names, _MOST_LISTED + 1))
    return ", ".join([*first[:_MOST_LISTED], *(["..."] if len(first) > _MOST_LISTED else [])])


def dotted_path(parts: Iterable[object]) -> str:
    """Return the path of a field (``tasks.3.memory``); keys that could be read otherwise are quoted."""
    return ".".join(_path_part(part) for part in parts)


def _path_part(part: object) -> str:
    text = str(part)
    plain = _PLAIN_KEY.fullmatch(text) and len(text) <= _LONGEST_SHOWN
    return text if plain else shown(text)


def read_json(text: str, file: str) -> object:
    """Read a JSON text that has no duplicate keys and no broken characters.

    :param text: the whole text, with or without a byte order mark.
    :param file: name of the file, for messages.
    :raises InputErrors: it is empty, no JSON, nested too deeply, or says something twice.
    """
    try:
        tree = _read_tree(text.removeprefix("\ufeff"), file)
    except InputError as error:
        raise InputErrors([error]) from None
    problems = list(_problems_of(tree, file))
    if problems:
        raise InputErrors(problems)
    return tree


def _read_tree(text: str, file: str) -> object:
    if not text.strip():
        raise InputError(file, "", "the file is empty; it must hold a JSON object")
    try:
        return json.loads(text, object_pairs_hook=_object_from_pairs)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InputError(file, where, f"this is no valid JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(file, "", "objects or lists are nested too deeply; flatten the file") from None
    except ValueError:
        raise InputError(file, "", "a number has too many digits; shorten it") from None


def _problems_of(tree: object, file: str) -> Iterator[InputError]:
    """Walk the tree without recursion: it may be deep."""
    waiting: list[tuple[tuple[object, ...], object]] = [((), tree)]
    while waiting:
        path, node = waiting.pop()
        for key, problem in _problems_of_node(node):
            yield InputError(file, dotted_path(path if key is None else (*path, key)), problem)
        waiting.extend(((*path, key), child) for key, child in _children(node))


def _problems_of_node(node: object) -> Iterator[tuple[str | None, str]]:
    """Yield what is wrong with the node itself (key None) or with one of its keys."""
    if isinstance(node, str) and not _is_text(node):
        yield None, f"{shown(node)} has half a character; write valid Unicode"
    if isinstance(node, _ObjectWithDuplicates):
        for key in node.duplicates:
            yield key, "this key is given more than once; keep one of them"
    if isinstance(node, dict):
        for key in node:
            if not _is_text(key):
                yield key, "the key has half a character; write valid Unicode"


def _children(node: object) -> list[tuple[object, object]]:
    """Return an object's or a list's members, the last first: they are taken from the end."""
    if isinstance(node, dict):
        return list(reversed(node.items()))
    if isinstance(node, list):
        return list(reversed(list(enumerate(node))))
    return []


def _is_text(text: str) -> bool:
    """Say whether it can be written as UTF-8; JSON's escapes can make halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)

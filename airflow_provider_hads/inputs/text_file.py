"""A file's text, or one clear error."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_provider_hads.exceptions import InputError

__all__ = ["read_text"]

_LARGEST_MB = 64


def read_text(path: Path, name: str) -> str:
    """Return the text of a plain UTF-8 file, without its byte order mark.

    :param name: the file's name for messages.
    :raises InputError: it isn't there, is no plain file, is far too large, or is no UTF-8 text.
    """
    if not os.path.lexists(path):
        raise InputError(name, "", f"there is no such file; it was looked for at {path}")
    if not os.path.isfile(path):
        raise InputError(name, "", "this is no plain file; put a file in its place")
    try:
        if os.path.getsize(path) > _LARGEST_MB << 20:
            raise InputError(name, "", f"the file is larger than {_LARGEST_MB} MB; split the job")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        where = f"byte 0x{byte:02x} at offset {error.start}"
        raise InputError(name, "", f"this is no UTF-8 text ({where}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(name, "", f"the file can't be read: {error.strerror}") from None

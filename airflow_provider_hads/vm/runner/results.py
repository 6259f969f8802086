"""After a task: its output, and the files that it has made or changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.vm.runner.bucket import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_hads.vm.runner.bucket import Bucket

__all__ = ["changed_files", "explain_exit", "keep_end", "last_line", "upload_files"]

_OUTPUT_LIMIT = 4 * 2**20  # bytes of a container's output that are kept
_LONGEST_KEY = 1024  # bytes; S3's limit
_UPLOADS_AT_ONCE = 4


def keep_end(blocks: Iterable[bytes], limit: int = _OUTPUT_LIMIT) -> tuple[bytes, bool]:
    """Join a container's output; return its end, and whether something was cut off."""
    kept = bytearray()
    cut = False
    for block in blocks:
        kept += block
        if len(kept) > 2 * limit:
            del kept[:-limit]
            cut = True
    return bytes(kept[-limit:]), cut or len(kept) > limit


def last_line(output: bytes) -> str:
    """Return the last line that is not blank, shortened."""
    lines = [line for line in output[-4096:].decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else ""


def explain_exit(exit_code: int, out_of_memory: bool, memory: float, output: bytes) -> str:
    """Say in a line why a task failed; empty where it did not.

    :param memory: its limit, MB.
    """
    if exit_code == 0:
        return ""
    if out_of_memory:
        return f"out of memory: it was killed at the task's limit of {memory:g} MB (exit code {exit_code})"
    reason = "command not found, exit code 127" if exit_code == 127 else f"exit code {exit_code}"
    said = last_line(output)
    return f"{reason}: {said}" if said else reason


def changed_files(work: Path, staged: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the files that are new or other than staged, and one note for each that can't be a result.

    :param staged: digests by path.
    """
    files = []
    notes = []
    for path in _below(work):
        name = os.fsencode(path.relative_to(work))
        problem = _problem(path, name)
        if problem:
            notes.append(f"{name.decode('utf-8', 'backslashreplace')}: not uploaded: {problem}")
            continue
        digest = sha256_of(path)
        if staged.get(name.decode()) != digest:
            files.append({"path": name.decode(), "sha256": digest, "size": path.stat().st_size})
    return files, notes


def _below(work: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(work):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders.sort()
        yield from (Path(folder, name) for name in sorted([*names, *links]))


def _problem(path: Path, name: bytes) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    try:
        name.decode()
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    return "its path is too long for a key" if len(name) > _LONGEST_KEY - 300 else ""


def upload_files(bucket: Bucket, folder: str, work: Path, files: Iterable[dict[str, Any]]) -> None:
    """Upload results, a few at a time.

    :param folder: of the attempt's data in the bucket.
    :raises OSError: one could not be uploaded, after several tries.
    """
    from concurrent.futures import ThreadPoolExecutor

    def upload(file: dict[str, Any]) -> None:
        bucket.put(f"{folder}/{file['path']}", work / file["path"], file["size"], file["sha256"])

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        for done in [pool.submit(upload, file) for file in files]:
            done.result()

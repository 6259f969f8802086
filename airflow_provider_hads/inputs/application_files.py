"""The files that a job's tasks need: ``<application folder>/<task id>/data/``."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_hads.exceptions import InputError, InputErrors

__all__ = ["ApplicationFile", "find_application_files"]

_DATA = "data"


@dataclass(frozen=True)
class ApplicationFile:
    """One file to be put into a task's work folder.

    :param path: relative to the work folder, with ``/``.
    :param source: where it is here.
    :param size: bytes.
    :param mode: permission bits.
    """

    path: str
    source: Path
    size: int
    mode: int


def find_application_files(
    folder: Path, task_ids: Iterable[str]
) -> tuple[dict[str, tuple[ApplicationFile, ...]], list[str]]:
    """Find the files of each task.

    :param folder: the application folder.
    :param task_ids: all tasks of the job; one without a folder needs no files.
    :return: the files of each task that has any, sorted by path, and notes for the user.
    :raises InputErrors: something in there can't be sent to a VM.
    """
    errors: list[InputError] = []
    files: dict[str, tuple[ApplicationFile, ...]] = {}
    known = list(task_ids)
    for task_id in known:
        found = tuple(_task_files(folder / task_id / _DATA, errors))
        if found:
            files[task_id] = tuple(sorted(found, key=lambda file: file.path))
    if errors:
        raise InputErrors(errors)
    try:
        return files, list(_notes(folder, set(known)))
    except OSError as error:
        raise InputErrors([_as_input_error(error, folder)]) from None


def _notes(folder: Path, task_ids: set[str]) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        if entry.name not in task_ids:
            yield f"{_printable(entry)}: no task of the job has this id; the folder is not used"
        elif not (entry / _DATA).is_dir():
            yield f"{_printable(entry)}: it has no folder '{_DATA}'; its files are not used"


def _task_files(data: Path, errors: list[InputError]) -> Iterator[ApplicationFile]:
    """Yield a task's files; what can't be one is added to the errors."""

    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            errors.append(InputError(str(error.filename), "", f"it can't be read: {error.strerror}"))

    for current, folders, names in os.walk(data, onerror=unreadable):
        linked = [name for name in folders if Path(current, name).is_symlink()]
        for name in [*linked, *names]:
            source = Path(current, name)
            try:
                yield _application_file(source, data)
            except (InputError, OSError) as error:
                errors.append(_as_input_error(error, source))


def _as_input_error(error: InputError | OSError, source: Path) -> InputError:
    if isinstance(error, InputError):
        return error
    if error.errno == errno.ELOOP:
        problem = "it links to itself, perhaps through other links; put a file in its place"
        return InputError(_printable(source), "", problem)
    return InputError(_printable(source), "", f"it can't be read: {error.strerror or error}")


def _application_file(source: Path, data: Path) -> ApplicationFile:
    name = _printable(source)
    path = source.relative_to(data).as_posix()
    if not path.isprintable():
        raise InputError(name, "", "its name has characters that can't be printed; rename it")
    if source.is_symlink() and not _target(source).is_relative_to(data.resolve()):
        raise InputError(name, "", f"it links to something outside of {data}; put a copy there")
    status = source.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InputError(name, "", "it is no plain file; remove it (a linked folder must be a folder)")
    if not os.access(source, os.R_OK):
        raise InputError(name, "", "it can't be read: no permission")
    return ApplicationFile(path, source, status.st_size, stat.S_IMODE(status.st_mode))


def _target(link: Path) -> Path:
    """Return what a link leads to.

    :raises OSError: it leads to nothing, or to itself; of the latter Path.resolve makes a RuntimeError.
    """
    return Path(os.path.realpath(link, strict=True))


def _printable(path: Path) -> str:
    return ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)

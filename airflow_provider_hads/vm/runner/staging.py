"""Before a task: its image and its files."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.vm.runner.bucket import sha256_of
from airflow_provider_hads.vm.runner.store import RunnerError, is_safe_name
from airflow_provider_hads.vm.runner.web import HttpError, retried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_hads.vm.runner.bucket import Bucket
    from airflow_provider_hads.vm.runner.engine import Engine
    from airflow_provider_hads.vm.runner.store import Store

__all__ = ["fetch_image", "image_key", "path_inside", "stage_files"]


def image_key(image: str) -> str:
    """Return the key of an image's tar in the bucket."""
    return f"images/{re.sub(r'[^A-Za-z0-9._-]', '_', image)}.tar"


def fetch_image(engine: Engine, bucket: Bucket, image: str) -> None:
    """Make sure that an image is here: it was, or comes from a tar in the bucket, or from a registry.

    :raises RunnerError: it is nowhere to be had.
    """
    with engine.only_one_loads():
        if engine.has_image(image):
            return
        key = image_key(image)
        if _load(engine, bucket, key):
            if not engine.has_image(image):
                raise RunnerError(f"{key} in the bucket holds no image of the name {image}")
            return
        try:
            engine.pull_image(image)
        except (OSError, RunnerError) as error:
            problem = f"image {image} is not on the VM, not in the bucket as {key}, and can't be pulled"
            raise RunnerError(f"{problem}: {error}") from error


def _load(engine: Engine, bucket: Bucket, key: str) -> bool:
    def once() -> bool:
        try:
            with bucket.opened("GET", key) as tar:
                engine.load_image(tar)
        except HttpError as error:
            if error.status in (403, 404):  # who may not list a bucket gets 403 for what is not there
                return False
            raise
        return True

    return retried(once)


def path_inside(folder: Path, relative: str) -> Path:
    """Return a path below a folder.

    :raises RunnerError: it leads elsewhere.
    """
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in relative:
        raise RunnerError(f"not a path inside the work folder: {relative!r}")
    return folder.joinpath(*path.parts)


def stage_files(
    store: Store, bucket: Bucket, prefix: str, files: Sequence[dict[str, Any]], work: Path
) -> None:
    """Make a task's work folder anew and put its files there.

    :param prefix: the run's folder in the bucket.
    :raises RunnerError: a file is missing or not what was uploaded.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    work.chmod(0o777)  # the image's user need not be root; the folders above are closed to others
    for file in files:
        target = path_inside(work, file["path"])
        _make_folders(work, target.parent)
        shutil.copyfile(_cached(store, bucket, prefix, file), target)
        mode = int(file.get("mode", 0o644)) & 0o7777
        target.chmod(mode | (0o555 if mode & 0o111 else 0o444))


def _make_folders(work: Path, folder: Path) -> None:
    """Make the folders below the work folder in which a file is to be; they are as open as that is."""
    if folder != work:
        _make_folders(work, folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)


def _cached(store: Store, bucket: Bucket, prefix: str, file: dict[str, Any]) -> Path:
    digest: str = file["sha256"]
    if not is_safe_name(digest):
        raise RunnerError(f"not a digest: {digest!r}")
    cached = store.root / "files" / digest
    if not cached.exists():
        _download(bucket, f"{prefix}/_hads/files/{digest}", cached, file["path"])
    return cached


def _download(bucket: Bucket, key: str, cached: Path, name: str) -> None:
    descriptor, aside = tempfile.mkstemp(dir=cached.parent.parent / "incoming")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            bucket.get(key, file)
        found = sha256_of(Path(aside))
        if found != cached.name:
            raise RunnerError(f"file {name}: {key} has the digest {found}, it was changed since the upload")
        Path(aside).replace(cached)
    except HttpError as error:
        raise RunnerError(f"file {name}: {key} can't be read from the bucket: {error}") from error
    finally:
        Path(aside).unlink(missing_ok=True)

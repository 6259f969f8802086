from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from airflow_provider_hads.storage.layout import image_key as layout_image_key
from airflow_provider_hads.vm.runner.bucket import Bucket
from airflow_provider_hads.vm.runner.staging import image_key, path_inside, stage_files
from airflow_provider_hads.vm.runner.store import RunnerError, Store


@pytest.mark.parametrize("path", ["a", "a/b c", "..a", "a/..b", "-x"])
def test_a_path_stays_in_the_work_folder(path: str) -> None:
    assert path_inside(Path("/work"), path) == Path("/work") / path


@pytest.mark.parametrize("path", ["", ".", "..", "/etc/passwd", "a/../../b", "a\0b"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(RunnerError, match="not a path inside"):
        path_inside(Path("/work"), path)


@pytest.mark.parametrize("image", ["synthetic", "registry.example:5000/team/image:1.2", "a@sha256:00"])
def test_both_sides_agree_on_an_images_key(image: str) -> None:
    assert image_key(image) == layout_image_key(image)


@pytest.mark.parametrize(("mode", "staged"), [(0o600, 0o644), (0o700, 0o755), (0o644, 0o644)])
def test_a_users_image_can_read_its_files_and_write_beside_them(
    tmp_path: Path, mode: int, staged: int
) -> None:
    """The image's user need not be root; nobody else can enter the folders above."""
    store = Store(tmp_path / "hads")
    (store.root / "files" / "digest").write_text("data")
    work = tmp_path / "work"
    file = {"path": "in/deep/data.csv", "sha256": "digest", "mode": mode}

    stage_files(store, cast(Bucket, None), "7_0", [file], work)

    assert (work / "in/deep/data.csv").stat().st_mode & 0o777 == staged
    for folder in (work, work / "in", work / "in/deep"):
        assert folder.stat().st_mode & 0o777 == 0o777

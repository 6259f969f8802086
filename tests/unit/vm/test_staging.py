from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hads.storage.layout import image_key as layout_image_key
from airflow_provider_hads.vm.runner.staging import image_key, path_inside
from airflow_provider_hads.vm.runner.store import RunnerError


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

"""The published inputs of the original system, where they are at hand, load as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hads.inputs import load_job_folder, parse_map, plan_to_map

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "hads"
MAPS = sorted(PUBLISHED.glob("*/map*"))
FOLDERS = sorted(path for path in PUBLISHED.glob("*") if path.is_dir())


def name_of(path: Path) -> str:
    return str(path.relative_to(PUBLISHED))


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_published_folder_loads(folder: Path) -> None:
    tasks = {"551": 60, "552": 80, "552p": 80, "example": 3, "masa": 1}
    assert len(load_job_folder(folder, environ={}).job.tasks) == tasks[folder.name]


@pytest.mark.parametrize("path", MAPS, ids=name_of)
def test_a_published_map_loads_and_can_be_written_again(path: Path) -> None:
    inputs = load_job_folder(path.parent, map_file=path.name, environ={})

    assert inputs.plan is not None
    assert parse_map(plan_to_map(inputs.plan), path.name, inputs.job, inputs.environment) == inputs.plan


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder.name == "example"], ids=name_of)
def test_the_walk_through_of_the_original(folder: Path, tmp_path: Path) -> None:
    setup = "[input]\npath = $HADS_PATH/example/\ndeadline_seconds = 200\n[scheduler]\nname = IPDPS\n"
    (tmp_path / "setup.cfg").write_text(setup, encoding="utf-8")

    inputs = load_job_folder(tmp_path, environ={"HADS_PATH": str(folder.parent)})

    assert inputs.plan is not None
    assert (inputs.job.id, inputs.deadline, inputs.plan.deadline) == ("12", 200, 200)
    assert [(vm.instance_type, str(vm.market)) for vm in inputs.plan.vms] == [("t2.micro", "on-demand")] * 3

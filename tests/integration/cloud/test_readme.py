"""The README's recipe does what it says."""

from __future__ import annotations

import re
import runpy
from importlib import resources
from pathlib import Path

import pytest

README = resources.files("airflow_provider_hads.cloud").joinpath("README.md").read_text()


def test_the_dry_run_asks_for_every_market_and_launches_nothing(
    aws: str, image_id: str, instance_profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recipe,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    recipe = recipe.replace("aws_default", aws).replace("ami-0123456789abcdef0", image_id)
    assert f'"{instance_profile}"' in recipe

    script = tmp_path / "recipe.py"
    script.write_text(recipe)
    runpy.run_path(str(script))

    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["spot", "on-demand"]
    assert ["DryRunOperation" in line for line in said] == [True, True], said

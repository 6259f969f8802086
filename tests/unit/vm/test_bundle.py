"""The runner goes to VMs as one file and finds nothing of this project there."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from airflow_provider_hads.vm import runner
from airflow_provider_hads.vm.bundle import runner_bundle

SOURCES = sorted(Path(runner.__file__).parent.glob("*.py"))
OLDEST = (3, 8)


def test_the_bundle_runs_alone(tmp_path: Path) -> None:
    program = tmp_path / "runner.py"
    program.write_bytes(runner_bundle())
    command = [sys.executable, "-I", str(program), "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=30)
    assert "exchange" in answer.stdout


def test_the_same_sources_give_the_same_bytes() -> None:
    before = runner_bundle()
    runner_bundle.cache_clear()
    assert runner_bundle() == before


def test_the_bundle_holds_nothing_but_the_runner() -> None:
    names = zipfile.ZipFile(io.BytesIO(runner_bundle())).namelist()
    above = {"__main__.py", "airflow_provider_hads/__init__.py", "airflow_provider_hads/vm/__init__.py"}
    assert {name for name in names if "/vm/runner/" not in name} == above


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_old_pythons_can_read_it(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=OLDEST)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_needs_the_standard_library_alone(source: Path) -> None:
    allowed = {*sys.stdlib_module_names, "airflow_provider_hads.vm.runner"}
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            module = node.module or ""
            known = module.split(".")[0] in allowed or module.startswith("airflow_provider_hads.vm.runner")
            assert known, module
        elif isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed

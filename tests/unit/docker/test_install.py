"""``docker/install.sh`` sees whether what it has installed is still there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "docker"
PACKAGES = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
NO_PYTHON = "/no/python"
"""With it, an installation that is begun ends at once."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose virtual environment has been installed, as far as the script looks at it."""
    root = tmp_path / "checkout"
    (root / "docker").mkdir(parents=True)
    for name in ("install.sh", "common.sh"):
        (root / "docker" / name).write_bytes((SCRIPTS / name).read_bytes())
    compiled = "airflow_provider_hads/planning/packing/compiled"
    (root / compiled).mkdir(parents=True)
    for name in ("setup.py", "constraints.txt", "airflow_provider_hads/__init__.py", f"{compiled}/module.c"):
        (root / name).touch()
    venv.create(root / ".venv")
    packages = root / ".venv" / PACKAGES
    (packages / "airflow").mkdir()
    (packages / "airflow" / "__init__.py").touch()
    (packages / "checkout.pth").write_text(f"{root}\n", encoding="utf-8")
    of_empty_files = hashlib.sha256(f"{root} {NO_PYTHON}\n".encode()).hexdigest()[:16]
    (root / ".venv" / "installed").write_text(of_empty_files, encoding="utf-8")
    return root


def install(root: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the script in the checkout."""
    return subprocess.run(
        ["bash", "docker/install.sh"],
        cwd=root,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "HADS_CACHE": str(root / "cache"),
            "PYTHON": NO_PYTHON,
        },
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_nothing_is_done_where_all_is_there(checkout: Path) -> None:
    done = install(checkout)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("lost", ["checkout.pth", "airflow/__init__.py"])
def test_it_is_installed_anew_where_something_was_lost(checkout: Path, lost: str) -> None:
    (checkout / ".venv" / PACKAGES / lost).write_text("import nothing_of_that_name", encoding="utf-8")

    done = install(checkout)

    assert done.returncode == 1
    assert f"PYTHON={NO_PYTHON} is not Python 3.10 or later".encode() in done.stderr

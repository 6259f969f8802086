"""Shared parts of these tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

READER = Path(__file__).parents[3] / "docker" / "vm" / "local_cloud_vm" / "cloud_config.py"


@pytest.fixture(scope="session")
def reader() -> ModuleType:
    """The VM's reader of cloud-config; it is part of the VM image, not of the package."""
    spec = importlib.util.spec_from_file_location("vm_cloud_config", READER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their own module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module

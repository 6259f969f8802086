"""The script that ends a VM with its lease, run by a real shell."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest


@pytest.fixture
def powered_off(tmp_path: Path) -> Path:
    """Return a file that is there once ``shutdown`` has been called."""
    marker = tmp_path / "powered-off"
    programs = tmp_path / "bin"
    programs.mkdir()
    shutdown = programs / "shutdown"
    shutdown.write_text(f'#!/bin/sh\necho "$@" > {marker}.new\nmv {marker}.new {marker}\n')
    shutdown.chmod(0o755)
    return marker


@contextmanager
def lease(expiry: Path, marker: Path) -> Iterator[None]:
    script = str(resources.files("airflow_provider_hads.cloud").joinpath("lease.sh"))
    environment = {"PATH": f"{marker.parent / 'bin'}:{os.environ['PATH']}"}
    process = subprocess.Popen(["/bin/sh", script, str(expiry), "0.05"], env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def comes(marker: Path, within: float) -> bool:
    give_up_at = time.monotonic() + within
    while not marker.exists() and time.monotonic() < give_up_at:
        time.sleep(0.02)
    return marker.exists()


def test_a_lease_in_the_past_ends_the_vm_at_once(tmp_path: Path, powered_off: Path) -> None:
    expiry = tmp_path / "expiry"
    expiry.write_text("1000000000\n")

    with lease(expiry, powered_off):
        assert comes(powered_off, within=5)
    assert powered_off.read_text() == "-h now\n"


def test_a_lease_in_the_future_leaves_the_vm_until_it_has_run_out(tmp_path: Path, powered_off: Path) -> None:
    expiry = tmp_path / "expiry"
    expiry.write_text(f"{time.time() + 600:.0f}\n")

    with lease(expiry, powered_off):
        assert not comes(powered_off, within=0.5)
        expiry.write_text(f"{time.time() - 1:.0f}\n")
        assert comes(powered_off, within=5)


def test_fractions_of_seconds_are_understood(tmp_path: Path, powered_off: Path) -> None:
    expiry = tmp_path / "expiry"
    expiry.write_text(f"{time.time() - 1:.3f}")

    with lease(expiry, powered_off):
        assert comes(powered_off, within=5)


@pytest.mark.parametrize("written", ["", "soon\n", None])
def test_an_unreadable_lease_does_not_end_the_vm_at_once(
    tmp_path: Path, powered_off: Path, written: str | None
) -> None:
    expiry = tmp_path / "expiry"
    if written is not None:
        expiry.write_text(written)

    with lease(expiry, powered_off):
        assert not comes(powered_off, within=0.5)


def test_a_lease_that_becomes_unreadable_keeps_its_end(tmp_path: Path, powered_off: Path) -> None:
    expiry = tmp_path / "expiry"
    os.mkfifo(expiry)

    with lease(expiry, powered_off):
        expiry.write_text(f"{time.time() + 2:.0f}\n")  # waits until the script reads it
        expiry.unlink()
        assert comes(powered_off, within=10)

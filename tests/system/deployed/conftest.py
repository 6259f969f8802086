"""What goes on while the tests of this folder wait for their own runs."""

from __future__ import annotations

import pytest

from tests.system.interrupted_runs import InterruptedRuns


@pytest.fixture(scope="session", autouse=True)
def meanwhile(interrupted_runs: InterruptedRuns) -> None:
    """Begin the interrupted runs of which tests come later, if any, for most of a run is waiting."""

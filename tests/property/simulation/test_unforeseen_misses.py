"""Tasks that take longer than estimated: a miss that nobody could know of is said when it is there."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.simulation import Setting, simulate
from tests.support.simulated_jobs import environment, job


@pytest.mark.parametrize("policy", policy_names())
def test_every_late_run_has_said_so_at_its_deadline_at_the_latest(policy: str) -> None:
    mission = Mission(job(*[300.0] * 10), environment(), policy, boot=60.0)
    deadline = 1.3 * (fastest_seconds(mission) + mission.safety)
    world = Setting(1 / 600, 1 / 600, boot=60.0, estimate_error=0.5)

    late = [
        one for one in (simulate(mission, deadline, world, run) for run in range(20)) if not one.deadline_met
    ]

    assert late != []
    for outcome in late:
        assert outcome.miss_said_at is not None
        assert outcome.miss_said_at <= deadline + 0.001


def test_where_no_spot_vm_can_be_of_use_nothing_is_waited_for() -> None:
    """Each task has an on-demand VM of its own from the start: half the time is left for wrong estimates."""
    mission = Mission(job(*[300.0] * 10), environment(), boot=60.0)
    deadline = 1.5 * (fastest_seconds(mission) + mission.safety)
    world = Setting(0, 0, boot=60.0, estimate_error=0.2)

    met = sum(simulate(mission, deadline, world, run).deadline_met for run in range(40))

    assert met >= 35

"""The costs of policies, side by side."""

from __future__ import annotations

from airflow_provider_hads.simulation.cost_plot import NOTE, render_costs

COSTS = {"adaptive": [0.1, 0.12, 0.11, 0.3], "on-demand-only": [0.25] * 4}


def drawn(on_demand: float | None) -> str:
    return render_costs("7", COSTS, on_demand)


def test_each_policy_has_a_band_with_its_mean_and_share() -> None:
    svg = drawn(0.25)
    assert "adaptive" in svg
    assert "on-demand-only" in svg
    assert "$0.1575 (63%)" in svg
    assert "4 runs each" in svg


def test_the_cost_on_demand_is_a_line_of_its_own() -> None:
    assert "on-demand VMs only" in drawn(0.25)
    assert "on-demand VMs only" not in drawn(None)


def test_costs_that_are_all_the_same_can_be_drawn() -> None:
    assert "$0.0000" in render_costs("7", {"adaptive": [0.0, 0.0]}, None)


def test_a_policy_that_cannot_run_is_missing_with_its_reason() -> None:
    svg = render_costs("7", COSTS, None, {"hads": "no plan <ends> in time", "burst-hads": "why " * 90})
    assert "hads is missing: no plan &lt;ends&gt; in time" in svg
    assert "burst-hads is missing: why why" in svg
    assert svg.count("why") == 90
    assert f'height="{276 + 4 * NOTE}"' in svg, "a line for one, three for the other"

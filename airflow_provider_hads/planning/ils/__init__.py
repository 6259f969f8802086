"""``ils``: the published iterated local search of Burst-HADS."""

from __future__ import annotations

from airflow_provider_hads.planning.ils.planner import plan_ils

__all__ = ["plan_ils"]

"""``packing``: the planner that searches."""

from __future__ import annotations

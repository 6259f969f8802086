"""How long a run's sensors wait."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["AS_LONG_AS_IT_TAKES"]

AS_LONG_AS_IT_TAKES = timedelta(days=100 * 365)
"""Longer than the longest deadline: the controller ends a run, some time after its deadline, and no time
limit of a deployment's (``[sensors] default_timeout``) ends the controller."""

"""Hibernation-aware scheduling of Docker tasks with one deadline, on spot, on-demand and burstable VMs."""

from __future__ import annotations

__version__ = "0.1.0"

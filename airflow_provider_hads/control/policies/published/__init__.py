"""The published algorithms: a queue for each VM by the plan, migration, work stealing, allocation cycles."""

from __future__ import annotations

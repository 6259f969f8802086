"""The task after which a job's tasks are watched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["LaunchedOperator"]


class LaunchedOperator(BaseOperator):
    """
    Hand on a job's tasks, once the plan's VMs have been launched.

    The watchers are mapped over what it returns, and not over what ``open_run`` returns: that is a setup, and
    what comes directly after a setup may have no trigger rule of its own.

    :param task_ids: the job's tasks, as ``open_run`` hands them on, or their JSON text; null where it has
        handed on none. (templated)
    """

    template_fields: Sequence[str] = ("task_ids",)
    ui_color = "#d7e8f7"

    def __init__(self, *, task_ids: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task_ids = task_ids

    def execute(self, context: Context) -> Sequence[Sequence[str]]:
        """Return them."""
        given = self.task_ids
        task_ids: Sequence[Sequence[str]] | None = json.loads(given) if isinstance(given, str) else given
        if not task_ids:
            raise AirflowFailException("There are no tasks to watch: see 'open_run' for why.")
        return task_ids

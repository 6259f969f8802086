"""The task that makes the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_hads.operators.failures import no_retry

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.planning.choices import PlanChoices

__all__ = ["PLAN_KEY", "ScheduleOperator"]

PLAN_KEY = "plan"
"""XCom key of the plan's figures: cost, makespan, D_spot, cost on on-demand VMs only."""


class ScheduleOperator(BaseOperator):
    """
    Refresh the prices and make the plan, or load the given one.

    It returns the VMs to be launched, each with its tasks.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param planner: name of the planner. (templated)
    :param use_map: follow the job's ``map.json`` instead of planning anew. (templated)
    :param spot_deadline: rule for D_spot, ``safe`` or ``published``. (templated)
    :param objective: ``cost``, ``makespan`` or ``weighted``; ``default`` is the planner's own. (templated)
    :param seed: of planners that choose at random. (templated)
    :param time_limit: seconds that a searching planner may take; None leaves it its own. (templated)
    :param aws_conn_id: connection for S3, prices and spot price history. (templated)
    """

    template_fields: Sequence[str] = (
        "run",
        "planner",
        "use_map",
        "spot_deadline",
        "objective",
        "seed",
        "time_limit",
        "aws_conn_id",
    )
    ui_color = "#d8f0e8"

    def __init__(
        self,
        *,
        run: Any,
        planner: str = "packing",
        use_map: str | bool = False,
        spot_deadline: str = "safe",
        objective: str = "default",
        seed: str | int = 0,
        time_limit: str | float | None = None,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.planner = planner
        self.use_map = use_map
        self.spot_deadline = spot_deadline
        self.objective = objective
        self.seed = seed
        self.time_limit = time_limit
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Make the plan, show it, and hand it on."""
        from airflow_provider_hads.runtime.first_state import planned_vm_to_xcom
        from airflow_provider_hads.runtime.run_context import RunContext
        from airflow_provider_hads.runtime.scheduling import make_plan
        from airflow_provider_hads.runtime.workshop import Workshop

        workshop = Workshop(RunContext.from_xcom(self.run), self.aws_conn_id)
        use_map = str(self.use_map).lower() == "true"
        with no_retry():
            scheduled = make_plan(workshop, self.choices(), use_map=use_map)
        for line in scheduled.story:
            self.log.info("%s", line)
        context["ti"].xcom_push(key=PLAN_KEY, value=scheduled.figures)
        return [planned_vm_to_xcom(sequence, vm) for sequence, vm in enumerate(scheduled.plan.vms)]

    def choices(self) -> PlanChoices:
        """Read the choices.

        :raises InputErrors: all that is wrong with them.
        """
        from airflow_provider_hads.planning.choices import read_choices

        return read_choices(
            "DAG params",
            planner=str(self.planner),
            spot_deadline=str(self.spot_deadline),
            objective=None if self.objective == "default" else str(self.objective),
            seed=str(self.seed),
            time_limit=None if str(self.time_limit) == "None" else str(self.time_limit),
        )

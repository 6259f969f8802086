"""What a user chooses of a plan."""

from __future__ import annotations

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.model.settings import Ec2Settings, SchedulerSettings, Settings
from airflow_provider_hads.planning import Objective, PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.choices import PlanChoices, read_choices
from tests.support.planning_examples import environment, job


def request(choices: PlanChoices, settings: Settings | None = None) -> PlanRequest:
    return choices.request(job([1]), environment(), settings or Settings(), deadline=500, lead_time=60)


def test_the_settings_go_into_the_request() -> None:
    settings = Settings(
        ec2=Ec2Settings(boot_overhead=33, vcpu_limits=8),
        scheduler=SchedulerSettings(
            alpha=0.3, burstable_factor=0.1, max_iteration=7, allow_parallel_execution=False
        ),
    )
    made = request(PlanChoices("cc"), settings)
    assert (made.boot, made.vcpu_limit, made.alpha) == (33, 8, 0.3)
    assert (made.burstable_factor, made.max_iteration, made.parallel) == (0.1, 7, False)
    assert (made.deadline, made.lead_time, made.horizon) == (500, 60, 440)


def test_by_default_spot_work_is_safe_and_tasks_run_in_parallel() -> None:
    made = request(PlanChoices("cc"))
    assert (made.spot_deadline, made.parallel) == (SpotDeadlineRule.SAFE, True)


def test_sequential_goes_before_the_settings() -> None:
    assert not request(PlanChoices("cc", sequential=True)).parallel


@pytest.mark.parametrize(("planner", "own"), [("ils", Objective.WEIGHTED), ("cc", Objective.COST)])
def test_each_planner_has_an_objective_of_its_own(planner: str, own: Objective) -> None:
    assert request(PlanChoices(planner)).objective is own
    assert request(PlanChoices(planner, objective=Objective.MAKESPAN)).objective is Objective.MAKESPAN


def test_choices_are_read_from_text() -> None:
    choices = read_choices(
        "DAG params", planner="ILS", spot_deadline="published", objective="cost", seed="7", time_limit="2.5"
    )
    assert choices == PlanChoices("ils", SpotDeadlineRule.PUBLISHED, Objective.COST, seed=7, time_limit=2.5)


def test_what_is_not_given_is_the_planners_own() -> None:
    choices = read_choices(
        "DAG params", planner="cc", spot_deadline="safe", objective=None, seed="0", time_limit=None
    )
    assert choices == PlanChoices("cc")


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputErrors) as caught:
        read_choices("DAG params", planner="x", spot_deadline="x", objective="x", seed="-1", time_limit="0")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        ["DAG params", f" {field}"]
        for field in ("planner", "spot_deadline", "objective", "seed", "time_limit")
    ]

"""The params that choose a run's plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.dag_params import PLAN_TEMPLATES, plan_params, policy_params
from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import JobInputs, load_job_folder, parse_settings
from airflow_provider_hads.operators.open_run import OpenRunOperator
from airflow_provider_hads.operators.schedule import ScheduleOperator
from airflow_provider_hads.planning.choices import PlanChoices

EXAMPLE = Path(__file__).parents[2] / "dags" / "jobs" / "example"


@pytest.fixture
def inputs() -> JobInputs:
    return load_job_folder(EXAMPLE)


def values(inputs: JobInputs | None) -> dict[str, Any]:
    """Return the defaults; reading a value checks it against the param's own bounds."""
    return {name: param.resolve() for name, param in plan_params(inputs).items()}


def test_the_defaults_are_the_jobs_own(inputs: JobInputs) -> None:
    assert values(inputs) == {
        "use_map": inputs.plan is not None,
        "planner": inputs.settings.scheduler.name,
        "spot_deadline": "safe",
        "objective": "default",
        "sequential": False,
        "seed": 0,
        "time_limit": None,
    }


def test_a_job_with_errors_has_params_too() -> None:
    assert values(None)["planner"] == "packing"


def test_every_param_is_described(inputs: JobInputs) -> None:
    for param in plan_params(inputs).values():
        assert param.schema["title"]
        assert param.schema["description_md"].endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [("planner", "magic"), ("spot_deadline", "x"), ("objective", ""), ("seed", -1), ("time_limit", 0)],
)
def test_values_out_of_bounds_are_refused(inputs: JobInputs, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        plan_params(inputs)[name].resolve(value)


def test_the_templates_are_those_of_params_and_operator(inputs: JobInputs) -> None:
    assert set(PLAN_TEMPLATES) == set(plan_params(inputs)) - {"sequential"}
    assert set(PLAN_TEMPLATES) < set(ScheduleOperator.template_fields)
    assert "sequential" in OpenRunOperator.template_fields


def test_the_operator_reads_rendered_templates() -> None:
    """Rendered, a param is text, and None is the word."""
    rendered = {name: str(value) for name, value in values(None).items() if name != "sequential"}
    schedule = ScheduleOperator(task_id="schedule", run={}, **rendered)
    assert schedule.choices() == PlanChoices("packing")


@pytest.mark.parametrize(("given", "parallel"), [("True", False), ("False", True), (None, False)])
def test_one_task_a_vm_is_a_choice_of_the_whole_run(
    tmp_path: Path, inputs: JobInputs, given: str | None, parallel: bool
) -> None:
    """VMs must not run at once what was planned one after the other; setup.cfg says no here."""
    for file in inputs.files.values():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (EXAMPLE / "setup.cfg").read_text().replace("execution = yes", "execution = no")
    (tmp_path / "setup.cfg").write_text(text)
    (tmp_path / "app").mkdir()
    operator = OpenRunOperator(task_id="open_run", job_folder=str(tmp_path), sequential=given)
    assert operator.read_inputs().settings.scheduler.allow_parallel_execution is parallel


def test_a_cycle_that_the_dag_would_refuse_is_refused_in_the_file() -> None:
    longest = policy_params(None)["allocation_cycle"].schema["maximum"]
    setup = "[scheduler]\npolicy = hads\n[input]\nac_size_seconds = "

    assert parse_settings(f"{setup}{longest:g}", "setup.cfg", {}).input.ac_size_seconds == longest
    with pytest.raises(InputErrors, match=rf"more than 0 and at most {longest:g}"):
        parse_settings(f"{setup}{longest + 1:g}", "setup.cfg", {})

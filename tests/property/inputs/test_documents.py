"""Whatever the files hold: they load, or InputErrors says what is wrong, each on one line."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import parse_environment, parse_job, parse_map, plan_to_map
from airflow_provider_hads.inputs.folder import load_job_folder
from airflow_provider_hads.model import Environment, Job, Market, Placement, Plan, PlannedVm

JOB = {
    "job_id": 7,
    "job_name": "small",
    "description": "",
    "tasks": {
        "a": {"memory": 100.0, "io": 0.0, "command": "sh run.sh", "runtime": {"c5.large": 60.0, "x": 5}},
        "b": {"memory": 100, "io": 0.0, "command": "sh run.sh", "runtime": {"c5.large": 60.0}},
    },
}
ENVIRONMENT = {
    "global_limits": {"ec2": {"on-demand": 4, "preemptible": 3}},
    "instances": {
        "c5.large": {
            "provider": "ec2",
            "vcpu": 2,
            "memory": 4.0,
            "gflops": 40.0,
            "prices": {"on-demand": 0.1, "preemptible": 0.03},
            "restrictions": {
                "limits": {"on-demand": 2, "preemptible": 3},
                "markets": {"on-demand": "yes", "preemptible": "yes"},
                "burstable": {"burstable": "yes", "cpu_credit_rate": 1, "baseline": 5},
            },
        }
    },
}
MAP = {
    "deadline": 600,
    "expected_cost": 0.001,
    "expected_makespan": 60.0,
    "job_id": 7,
    "job_name": "small",
    "scheduler": "CC",
    "instances": {
        "vm-1": {
            "type": "c5.large",
            "market": "preemptible",
            "price": 0.03,
            "map": {
                "vcpu_0": {"a": {"start": 0.0, "end": 60.0}},
                "vcpu_1": {"b": {"start": 0.0, "end": 60.0}},
            },
        }
    },
}
SMALL_JOB = parse_job(json.dumps(JOB), "job.json")
SMALL_ENVIRONMENT = parse_environment(json.dumps(ENVIRONMENT), "env.json")

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
READERS: dict[str, tuple[dict[str, Any], Callable[[str], object]]] = {
    "job": (JOB, lambda text: parse_job(text, "job.json")),
    "environment": (ENVIRONMENT, lambda text: parse_environment(text, "env.json")),
    "map": (MAP, lambda text: parse_map(text, "map.json", SMALL_JOB, SMALL_ENVIRONMENT)),
}


def loads_or_says_why(read: Callable[[], object]) -> None:
    problems: InputErrors | None = None
    try:
        read()
    except InputErrors as error:
        problems = error
    if problems is not None:
        lines = str(problems).splitlines()
        assert len(lines) == len(problems.errors) > 0
        assert all(line.isascii() and line.isprintable() for line in lines)


def places_of(node: object) -> Iterator[tuple[Any, Any]]:
    """Yield every (parent, key) of a JSON tree."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield node, key
            yield from places_of(child)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_a_valid_document_with_one_node_changed(kind: str, data: st.DataObject) -> None:
    valid, read = READERS[kind]
    document = copy.deepcopy(valid)
    parent, key = data.draw(st.sampled_from(list(places_of(document))))
    change = data.draw(st.sampled_from(["delete", "replace", "rename", "add"]))
    if change in ("delete", "rename"):
        value = parent.pop(key)
    if change == "rename":
        parent[data.draw(st.text())] = value
    if change == "replace":
        parent[key] = data.draw(ANY_JSON)
    if change == "add":
        parent[data.draw(st.text())] = data.draw(ANY_JSON)

    loads_or_says_why(lambda: read(json.dumps(document)))


@pytest.mark.parametrize("kind", READERS)
@given(document=ANY_JSON)
def test_any_document(kind: str, document: object) -> None:
    loads_or_says_why(lambda: READERS[kind][1](json.dumps(document)))


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_a_valid_text_with_a_piece_cut_out_or_pasted_in(kind: str, data: st.DataObject) -> None:
    valid, read = READERS[kind]
    text = json.dumps(valid)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    piece = data.draw(st.text(max_size=5) | st.sampled_from(["{", "[", '"', "1e999", "\\ud800", "NaN", "-0"]))

    loads_or_says_why(lambda: read(text[:start] + piece + text[end:]))


@given(content=st.binary())
def test_random_bytes_as_a_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("job")
    (folder / "job.json").write_bytes(content)
    (folder / "setup.cfg").write_bytes(content)

    with pytest.raises(InputErrors):
        load_job_folder(folder, environ={})


def test_the_unchanged_documents_load() -> None:
    for valid, read in READERS.values():
        read(json.dumps(valid))


SECONDS = st.floats(0, 1e6)
RUNTIMES = st.floats(1e-3, 1e6)
"""A task that takes time is not placed without length."""
BASELINE = 0.05
"""Of the one type, which is burstable: its VMs always have a CPU share."""


@st.composite
def jobs_with_plans(draw: st.DrawFn) -> tuple[Job, Environment, Plan]:
    """Return tasks laid one after the other on the cores of some VMs."""
    cores = draw(st.lists(st.lists(st.tuples(SECONDS, RUNTIMES), max_size=4), min_size=1, max_size=6))
    tasks, vms, number = {}, [], 0
    for vm_number in range(0, len(cores), 2):
        placements = []
        for core, work in enumerate(cores[vm_number : vm_number + 2]):
            now = 0.0
            for pause, runtime in work:
                task_id, start, now = str(number), now + pause, now + pause + runtime
                tasks[task_id] = {"memory": 1, "command": "x", "runtime": {"c5.large": 1}}
                placements.append(Placement(task_id, core, start, now))
                number += 1
        market, price = draw(st.sampled_from(list(Market))), draw(st.floats(0, 10))
        share = draw(st.sampled_from([BASELINE, 0.5, 1.0]))
        vms.append(PlannedVm(f"vm-{vm_number}", "c5.large", market, price, tuple(placements), share))
    number_or_name = draw(st.sampled_from([12, "0012", "name"]))
    tasks = tasks or {"0": {"memory": 1, "command": "x", "runtime": {"c5.large": 1}}}
    job = parse_job(json.dumps({"job_id": number_or_name, "tasks": tasks}), "job.json")
    if number == 0:
        place = Placement("0", 0, 0.0, 1.0)
        vms = [PlannedVm("vm-0", "c5.large", Market.SPOT, 1.0, (place,), BASELINE)]
    d_spot = draw(st.none() | SECONDS)
    rule = draw(st.sampled_from([None, "safe"]))
    deadline = draw(st.floats(1, 1e6))
    return job, SMALL_ENVIRONMENT, Plan(job.id, job.name, "cc", deadline, tuple(vms), d_spot, rule)


@given(jobs_with_plans())
def test_a_plan_survives_the_way_through_a_map(example: tuple[Job, Environment, Plan]) -> None:
    job, environment, plan = example
    assert parse_map(plan_to_map(plan), "map.json", job, environment) == plan

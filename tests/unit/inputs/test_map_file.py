from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import parse_environment, parse_job, parse_map, plan_to_map
from airflow_provider_hads.model import Environment, Job, Market, Placement, Plan, PlannedVm

Document = dict[str, Any]


@pytest.fixture
def job(job_document: Document) -> Job:
    return parse_job(json.dumps(job_document), "job.json")


@pytest.fixture
def environment(environment_document: Document) -> Environment:
    return parse_environment(json.dumps(environment_document), "env.json")


@pytest.fixture
def lines_of(job: Job, environment: Environment) -> Callable[[Document], list[str]]:
    def read(document: Document) -> list[str]:
        with pytest.raises(InputErrors) as caught:
            parse_map(json.dumps(document), "map.json", job, environment)
        return str(caught.value).splitlines()

    return read


def test_a_map_is_read(map_document: Document, job: Job, environment: Environment) -> None:
    plan = parse_map(json.dumps(map_document), "map.json", job, environment)

    assert (plan.job_id, plan.job_name, plan.planner, plan.deadline) == ("7", "small", "CC", 600)
    assert plan.vms == (
        PlannedVm(
            "vm-1", "c5.large", Market.SPOT, 0.03, (Placement("a", 0, 0, 60), Placement("b", 1, 0, 60))
        ),
    )


def test_spot_is_another_word_for_preemptible(
    map_document: Document, job: Job, environment: Environment
) -> None:
    map_document["instances"]["vm-1"]["market"] = "spot"
    plan = parse_map(json.dumps(map_document), "map.json", job, environment)
    assert plan.vms[0].market is Market.SPOT


def test_a_given_deadline_goes_before_the_maps(
    map_document: Document, job: Job, environment: Environment
) -> None:
    assert parse_map(json.dumps(map_document), "map.json", job, environment, deadline=99).deadline == 99


def test_times_and_prices_may_differ_from_the_estimates(
    map_document: Document, job: Job, environment: Environment
) -> None:
    vm = map_document["instances"]["vm-1"]
    vm["price"], vm["map"]["vcpu_0"]["a"]["end"] = 9.99, 1234.5

    plan = parse_map(json.dumps(map_document), "map.json", job, environment)

    assert (plan.vms[0].price, plan.makespan) == (9.99, 1234.5)


def test_a_plan_survives_the_way_through_a_map(job: Job, environment: Environment) -> None:
    placements = (Placement("b", 0, 10, 70), Placement("a", 1, 0, 60.5))
    vm = PlannedVm("vm-9", "c5.large", Market.ON_DEMAND, 0.1, placements)
    plan = Plan("7", "small", "cc", 600.0, (vm,), d_spot=420.0, d_spot_rule="published")

    assert parse_map(plan_to_map(plan), "map.json", job, environment) == plan


def test_a_vm_in_baseline_mode_survives_it_too(job: Job, environment: Environment) -> None:
    slow = PlannedVm("vm-2", "t3.micro", Market.ON_DEMAND, 0.01, (Placement("a", 0, 0, 900),), cpu_share=0.25)
    other = PlannedVm("vm-1", "c5.large", Market.SPOT, 0.03, (Placement("b", 0, 0, 60),))
    plan = Plan("7", "small", "ils", 1000.0, (other, slow))

    assert parse_map(plan_to_map(plan), "map.json", job, environment) == plan


def test_a_burstable_vm_of_the_originals_maps_runs_in_baseline_mode(
    map_document: Document, job: Job, environment: Environment
) -> None:
    places = {"vcpu_0": {"a": {"start": 0, "end": 900}}, "vcpu_1": {"b": {"start": 0, "end": 300}}}
    map_document["instances"]["vm-1"] |= {"type": "t3.micro", "market": "on-demand", "map": places}

    (vm,) = parse_map(json.dumps(map_document), "map.json", job, environment).vms

    terms = environment.instance_types["t3.micro"].burstable
    assert terms is not None
    assert vm.cpu_share == terms.baseline


@pytest.mark.parametrize("share", [0, -0.1, 1.5, "x"])
def test_a_cpu_share_is_a_share(
    lines_of: Callable[[Document], list[str]], map_document: Document, share: object
) -> None:
    map_document["instances"]["vm-1"]["cpu_share"] = share
    assert any("instances.vm-1.cpu_share" in line for line in lines_of(map_document))


def test_a_written_map_has_the_originals_words(job: Job, environment: Environment) -> None:
    vm = PlannedVm(
        "vm-9", "c5.large", Market.SPOT, 0.03, (Placement("a", 0, 0, 60), Placement("b", 1, 0, 60))
    )

    document = json.loads(plan_to_map(Plan("7", "small", "cc", 600.0, (vm,))))

    assert document == {
        "job_id": 7,
        "job_name": "small",
        "scheduler": "cc",
        "deadline": 600.0,
        "expected_makespan": 60,
        "expected_cost": pytest.approx(0.0005),
        "instances": {
            "vm-9": {
                "type": "c5.large",
                "market": "preemptible",
                "price": 0.03,
                "map": {
                    "vcpu_0": {"a": {"start": 0, "end": 60}},
                    "vcpu_1": {"b": {"start": 0, "end": 60}},
                },
            }
        },
    }


PLACE = "map.json: instances.vm-1.map"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "type",
            "m5.huge",
            'map.json: instances.vm-1.type: "m5.huge" is no type of the environment; '
            "it has c5.large, t3.micro",
        ),
        (
            "market",
            "free",
            'map.json: instances.vm-1.market: "free" is no market; '
            "use 'on-demand' or 'preemptible' (the same as 'spot')",
        ),
        (
            "price",
            10**400,
            f"map.json: instances.vm-1.price: 1{'0' * 59}... is too large a number; use fewer digits",
        ),
        ("price", -1, "map.json: instances.vm-1.price: -1 is out of range; it must be at least 0"),
    ],
)
def test_bad_values_of_a_vm(
    map_document: Document, lines_of: Callable[[Document], list[str]], key: str, value: object, line: str
) -> None:
    map_document["instances"]["vm-1"][key] = value
    assert lines_of(map_document) == [line]


A, B = {"start": 0.0, "end": 60.0}, {"start": 60.0, "end": 120.0}


@pytest.mark.parametrize(
    ("cores", "line"),
    [
        (
            {"vcpu_0": {"a": A, "x": B}, "vcpu_1": {"b": A}},
            f"{PLACE}.vcpu_0.x: 'x' is no task of the job; remove it",
        ),
        (
            {"vcpu_0": {"a": A}},
            "map.json: instances: 1 of the job's tasks are on no VM: 'b'; place them",
        ),
        (
            {"vcpu_0": {"a": A}, "vcpu_1": {"a": A, "b": B}},
            "map.json: instances: task 'a' is placed 2 times; leave it on one core of one VM",
        ),
        (
            {"vcpu_0": {"a": A}, "vcpu_2": {"b": A}},
            f"{PLACE}.vcpu_2: c5.large has 2 vCPUs, vcpu_0 to vcpu_1",
        ),
        (
            {"vcpu_0": {"a": A}, "vcpu_1": {"b": A}, "vcpu_7": {}},
            f"{PLACE}.vcpu_7: c5.large has 2 vCPUs, vcpu_0 to vcpu_1",
        ),
        (
            {"vcpu_0": {"a": A}, "vcpu_1": {"b": {"start": 60.0, "end": 60.0}}},
            f"{PLACE}.vcpu_1.b: the task starts and ends at 60, but takes 60 s on c5.large by job.json; "
            "give an end after the start",
        ),
        (
            {"vcpu_0": {"a": A, "b": {"start": 59.0, "end": 119.0}}},
            f"{PLACE}.vcpu_0.b: it starts at 59, but task 'a' ends at 60 on the same core; move one of them",
        ),
        (
            {"vcpu_0": {"a": {"start": 50.0, "end": 10.0}}, "vcpu_1": {"b": A}},
            f"{PLACE}.vcpu_0.a.end: 10 is before its start 50; give seconds after the VM is ready",
        ),
        (
            {"vcpu_0": {"a": {"start": -1, "end": 10.0}}, "vcpu_1": {"b": A}},
            f"{PLACE}.vcpu_0.a.start: -1 is out of range; it must be at least 0",
        ),
        (
            {"core0": {"a": A, "b": B}},
            f"{PLACE}.core0: the cores are named vcpu_0, vcpu_1 and so on",
        ),
        (
            {"vcpu_0": {"a": A, "b": A | {"stop": 1}}},
            f"{PLACE}.vcpu_0.b.stop: unknown key; remove it",
        ),
    ],
)
def test_bad_placements(
    map_document: Document, lines_of: Callable[[Document], list[str]], cores: Document, line: str
) -> None:
    map_document["instances"]["vm-1"]["map"] = cores
    assert lines_of(map_document) == [line]


@pytest.mark.parametrize("word", ["spot", "preemptible"])
def test_a_market_that_is_not_offered(
    map_document: Document, lines_of: Callable[[Document], list[str]], word: str
) -> None:
    map_document["instances"]["vm-1"] |= {"type": "t3.micro", "market": word}
    assert lines_of(map_document) == [
        "map.json: instances.vm-1.market: 'preemptible' (the same as 'spot') is not offered for t3.micro "
        "by env.json; choose another market or type"
    ]


def test_a_planner_without_a_name(map_document: Document, lines_of: Callable[[Document], list[str]]) -> None:
    map_document["scheduler"] = ""
    assert lines_of(map_document) == [
        'map.json: scheduler: "" is no planner\'s name; give one or remove the key'
    ]


def test_a_map_of_another_job(map_document: Document, lines_of: Callable[[Document], list[str]]) -> None:
    map_document["job_id"] = 8
    assert lines_of(map_document) == [
        "map.json: job_id: '8' is another job than '7'; make a map for this one"
    ]


def test_no_deadline_anywhere(map_document: Document, lines_of: Callable[[Document], list[str]]) -> None:
    del map_document["deadline"]
    assert lines_of(map_document) == [
        "map.json: deadline: this key is missing, and no other deadline is given; add it here or in setup.cfg"
    ]


def test_a_vm_id_that_is_no_safe_name(
    map_document: Document, lines_of: Callable[[Document], list[str]]
) -> None:
    map_document["instances"]["vm 1"] = map_document["instances"].pop("vm-1")
    (line,) = lines_of(map_document)
    assert line.startswith('map.json: instances."vm 1": "vm 1" can\'t be used as a name: ')


def test_tasks_that_do_not_fit_on_their_vm(
    job_document: Document, environment: Environment, map_document: Document
) -> None:
    job_document["tasks"]["a"]["memory"] = 3000.0
    job_document["tasks"]["b"]["memory"] = 2000.0
    job = parse_job(json.dumps(job_document), "job.json")

    with pytest.raises(InputErrors) as caught:
        parse_map(json.dumps(map_document), "map.json", job, environment)

    assert str(caught.value) == (
        "map.json: instances.vm-1.map: the tasks that run at 0 s need 5000 MB, but c5.large has 4096 MB; "
        "move some"
    )


def test_a_task_on_a_type_without_a_runtime(
    job_document: Document, environment: Environment, map_document: Document
) -> None:
    del job_document["tasks"]["a"]["runtime"]["c5.large"]
    job = parse_job(json.dumps(job_document), "job.json")

    with pytest.raises(InputErrors) as caught:
        parse_map(json.dumps(map_document), "map.json", job, environment)

    assert str(caught.value) == (
        f"{PLACE}.vcpu_0.a: the task has no runtime on c5.large in job.json; add one or move it"
    )

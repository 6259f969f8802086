from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import parse_job

Document = dict[str, Any]


def lines_of(text: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        parse_job(text, "job.json")
    return str(caught.value).splitlines()


def test_a_job_is_read(job_document: Document) -> None:
    job = parse_job(json.dumps(job_document), "job.json")

    assert (job.id, job.name, job.description) == ("7", "small", "two tasks")
    assert list(job.tasks) == ["a", "b"]
    assert job.tasks["a"].command == "sh run.sh 1"
    assert job.tasks["a"].memory == 100
    assert job.tasks["a"].runtimes == {"c5.large": 60, "t3.micro": 90}


def test_what_may_be_left_out(job_document: Document) -> None:
    del job_document["job_name"], job_document["description"], job_document["tasks"]["a"]["io"]

    job = parse_job(json.dumps(job_document), "job.json")

    assert (job.name, job.description, job.tasks["a"].io) == ("7", "", 0.0)


def test_a_byte_order_mark_is_skipped(job_document: Document) -> None:
    assert parse_job("\ufeff" + json.dumps(job_document), "job.json").id == "7"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "job.json: the file is empty; it must hold a JSON object"),
        (" \n", "job.json: the file is empty; it must hold a JSON object"),
        ("[]", "job.json: a list is not an object ({...})"),
        ("null", "job.json: null is not an object ({...})"),
        (
            '{"job_id": 1,\n "tasks" {}}',
            "job.json: line 2 column 10: this is no valid JSON: Expecting ':' delimiter",
        ),
        ("[" * 200_000, "job.json: objects or lists are nested too deeply; flatten the file"),
        ('{"job_id": ' + "9" * 5000 + "}", "job.json: a number has too many digits; shorten it"),
        (
            '{"job_id": 1, "tasks": {"a": {}, "a": {}}}',
            "job.json: tasks.a: this key is given more than once; keep one of them",
        ),
        (
            '{"job_id": "\\ud800", "tasks": {}}',
            'job.json: job_id: "\\ud800" has half a character; write valid Unicode',
        ),
        (
            '{"job_id": 1, "tasks": {"\\ud800": 1}}',
            'job.json: tasks."\\ud800": the key has half a character; write valid Unicode',
        ),
    ],
)
def test_text_that_is_no_job(text: str, line: str) -> None:
    assert lines_of(text) == [line]


SAFE = "use 1 to 64 letters, digits, '_', '.' and '-', the first and the last a letter or digit"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("job_id", "../etc", f'job.json: job_id: "../etc" can\'t be used as an id: {SAFE}'),
        ("job_id", True, f"job.json: job_id: true can't be used as an id: {SAFE}"),
        ("job_id", -1, f"job.json: job_id: -1 can't be used as an id: {SAFE}"),
        ("job_id", 1.5, f"job.json: job_id: 1.5 can't be used as an id: {SAFE}"),
        ("job_name", 5, "job.json: job_name: 5 is not a string"),
        ("tasks", {}, "job.json: tasks: there are no tasks; a job needs at least one"),
        ("tasks", [], "job.json: tasks: a list is not an object ({...})"),
        ("taks", {}, "job.json: taks: unknown key; did you mean 'tasks'?"),
        ("zzz", 1, "job.json: zzz: unknown key; remove it"),
        ("[key]", 1, "job.json: [key]: unknown key; remove it"),
    ],
)
def test_bad_values_of_a_job(job_document: Document, key: str, value: object, line: str) -> None:
    job_document[key] = value
    assert lines_of(json.dumps(job_document)) == [line]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("memory", "5", 'job.json: tasks.a.memory: "5" is not a number'),
        ("memory", True, "job.json: tasks.a.memory: true is not a number"),
        (
            "memory",
            10**400,
            f"job.json: tasks.a.memory: 1{'0' * 59}... is too large a number; use fewer digits",
        ),
        ("memory", None, "job.json: tasks.a.memory: null is not a number"),
        ("memory", -5, "job.json: tasks.a.memory: -5 is out of range; it must be more than 0"),
        ("memory", float("nan"), "job.json: tasks.a.memory: NaN is not a finite number"),
        ("memory", float("inf"), "job.json: tasks.a.memory: Infinity is not a finite number"),
        ("memory", 1e300, "job.json: tasks.a.memory: 1e+300 is out of range; it must be at most 1e+09"),
        ("io", -1, "job.json: tasks.a.io: -1 is out of range; it must be at least 0"),
        ("command", "  ", 'job.json: tasks.a.command: "  " is no command; write a shell command line'),
        ("command", ["sh"], "job.json: tasks.a.command: a list is not a string"),
        (
            "runtime",
            {"c5.large": -1},
            "job.json: tasks.a.runtime.c5.large: -1 is out of range; it must be more than 0",
        ),
        (
            "runtime",
            {"c5/large": 1},
            f'job.json: tasks.a.runtime.c5/large: "c5/large" can\'t be used as a name: {SAFE}',
        ),
        ("runtme", {}, "job.json: tasks.a.runtme: unknown key; did you mean 'runtime'?"),
    ],
)
def test_bad_values_of_a_task(job_document: Document, key: str, value: object, line: str) -> None:
    job_document["tasks"]["a"][key] = value
    assert lines_of(json.dumps(job_document)) == [line]


@pytest.mark.parametrize("name", ["../x", "..", ".x", "x.", "a b", "a: b", ""])
def test_a_task_id_that_is_no_safe_name(job_document: Document, name: str) -> None:
    job_document["tasks"][name] = job_document["tasks"].pop("b")
    assert lines_of(json.dumps(job_document)) == [
        f'job.json: tasks."{name}": "{name}" can\'t be used as a name: {SAFE}'
    ]


def test_a_name_that_is_too_long_is_shown_in_part_and_quoted(job_document: Document) -> None:
    job_document["job_id"] = "x" * 65
    assert lines_of(json.dumps(job_document)) == [
        f'job.json: job_id: "{"x" * 59}"... can\'t be used as an id: {SAFE}'
    ]


def test_all_problems_are_reported_at_once(job_document: Document) -> None:
    del job_document["job_id"], job_document["tasks"]["a"]["command"]
    job_document["tasks"]["b"]["memory"] = 0

    assert lines_of(json.dumps(job_document)) == [
        "job.json: job_id: this key is missing; add it",
        "job.json: tasks.a.command: this key is missing; add it",
        "job.json: tasks.b.memory: 0 is out of range; it must be more than 0",
    ]


def test_a_message_stays_on_one_line_whatever_the_value_holds(job_document: Document) -> None:
    job_document["tasks"]["a\nb"] = job_document["tasks"].pop("a")
    job_document["job_id"] = "line\nbreak" + "x" * 500

    lines = lines_of(json.dumps(job_document))

    assert len(lines) == 2
    assert all(len(line) < 250 for line in lines)

"""A small job that is right in every file, to be spoilt by the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]


@pytest.fixture
def job_document() -> Document:
    task = {
        "memory": 100.0,
        "io": 0.0,
        "command": "sh run.sh 1",
        "runtime": {"c5.large": 60.0, "t3.micro": 90},
    }
    return {
        "job_id": 7,
        "job_name": "small",
        "description": "two tasks",
        "tasks": {"a": task, "b": json.loads(json.dumps(task))},
    }


@pytest.fixture
def environment_document() -> Document:
    return {
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
                    "burstable": {"burstable": "no", "cpu_credit_rate": 0, "baseline": 0},
                },
            },
            "t3.micro": {
                "provider": "ec2",
                "vcpu": 2,
                "memory": 1.0,
                "gflops": 10.0,
                "prices": {"on-demand": 0.0104, "preemptible": 0.0},
                "restrictions": {
                    "limits": {"on-demand": 5, "preemptible": 0},
                    "markets": {"on-demand": "yes", "preemptible": "no"},
                    "burstable": {"burstable": "yes", "cpu_credit_rate": 12, "baseline": 10.0},
                },
            },
        },
    }


@pytest.fixture
def map_document() -> Document:
    return {
        "deadline": 600,
        "expected_cost": 0.001,
        "expected_makespan": 60.0,
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
        "job_id": 7,
        "job_name": "small",
        "scheduler": "CC",
    }


@pytest.fixture
def job_folder(tmp_path: Path, job_document: Document, environment_document: Document) -> Callable[..., Path]:
    """Write the small job's folder; each file can be given, as text or as a document."""

    def write(**files: str | Document) -> Path:
        contents = {"job": job_document, "env": environment_document, **files}
        for kind, content in contents.items():
            name = "setup.cfg" if kind == "setup" else f"{kind}.json"
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write

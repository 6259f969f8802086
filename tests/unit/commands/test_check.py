from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_hads.commands.check import check, get_check_arguments

JOB = {
    "job_id": 7,
    "job_name": "small",
    "tasks": {
        "a": {"memory": 100, "command": "sh run.sh", "runtime": {"c5.large": 60, "t3.micro": 90}},
        "b": {"memory": 50, "command": "sh run.sh", "runtime": {"c5.large": 30.5}},
    },
}
ENVIRONMENT = {
    "global_limits": {"ec2": {"on-demand": 4, "preemptible": 3}},
    "instances": {
        "c5.large": {
            "vcpu": 2,
            "memory": 4,
            "gflops": 40,
            "prices": {"on-demand": 0.1, "preemptible": 0.03},
            "restrictions": {
                "limits": {"on-demand": 2, "preemptible": 3},
                "markets": {"on-demand": "yes", "preemptible": "yes"},
            },
        },
        "t3.micro": {
            "vcpu": 2,
            "memory": 1,
            "gflops": 10,
            "prices": {"on-demand": 0.0104},
            "restrictions": {
                "limits": {"on-demand": 5},
                "markets": {"on-demand": "yes"},
                "burstable": {"burstable": "yes", "cpu_credit_rate": 12, "baseline": 10},
            },
        },
    },
}
MAP = {
    "deadline": 600,
    "instances": {
        "vm-1": {
            "type": "c5.large",
            "market": "spot",
            "price": 0.03,
            "map": {"vcpu_0": {"a": {"start": 0, "end": 60}, "b": {"start": 60, "end": 90}}},
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job.json").write_text(json.dumps(JOB), encoding="utf-8")
    (tmp_path / "env.json").write_text(json.dumps(ENVIRONMENT), encoding="utf-8")
    return tmp_path


def run_check(folder: Path, map_file: str | None = None) -> None:
    check(argparse.Namespace(job_dir=str(folder), job=None, env=None, map=map_file))


def test_the_summary_of_a_job_without_a_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check(folder)

    assert capsys.readouterr().out.splitlines() == [
        "Job 7 (small): 2 tasks, up to 100 MB each",
        "  type                  vCPUs  memory MB  spot $/h  limit  on-demand $/h  limit  tasks  work s",
        "  c5.large                  2       4096      0.03      3            0.1      2      2    90.5",
        "  t3.micro (burstable)      2       1024         -      -         0.0104      5      1      90",
        "Limits: 3 spot and 4 on-demand VMs at once",
        "Files: none for any task",
        "Map: none; the planner packing makes the plan",
        "Deadline: none; give the parameter deadline_seconds when you trigger the DAG",
    ]


def test_the_summary_of_a_job_with_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plan.json").write_text(json.dumps(MAP), encoding="utf-8")
    (folder / "setup.cfg").write_text(
        "[input]\ndeadline_seconds = 300\n[debug]\ndebug_mode = on", encoding="utf-8"
    )
    (folder / "app" / "a" / "data").mkdir(parents=True)
    (folder / "app" / "a" / "data" / "run.sh").write_text("echo", encoding="utf-8")

    run_check(folder, map_file="plan.json")

    assert capsys.readouterr().out.splitlines()[4:] == [
        "Limits: 3 spot and 4 on-demand VMs at once",
        "Files: 1 for 1 task, 4 bytes",
        "Map: plan.json: 1 spot c5.large; ends at 90 s, $0.00075 without boot",
        "Deadline: 300 s (setup.cfg: input.deadline_seconds)",
        "Note: setup.cfg: [debug] debug_mode: no effect: nothing waits for a key press; "
        "set Airflow's logging level to DEBUG to see more",
    ]


def test_errors_are_lines_on_stderr_and_exit_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "job.json").write_text("{}", encoding="utf-8")

    with pytest.raises(SystemExit) as ended:
        run_check(folder)

    assert ended.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "job.json: job_id: this key is missing; add it",
        "job.json: tasks: this key is missing; add it",
    ]


def test_a_name_that_the_terminal_can_not_show(folder: Path) -> None:
    (folder / "job.json").write_text(json.dumps({**JOB, "job_name": "\u00e9\u001b[2J"}), encoding="utf-8")
    code = "import argparse, sys; from airflow_provider_hads.commands.check import check; "
    call = "check(argparse.Namespace(job_dir=sys.argv[1], job=None, env=None, map=None))"

    done = subprocess.run(
        [sys.executable, "-c", code + call, str(folder)],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines()[0] == rb"Job 7 (\xe9\x1b[2J): 2 tasks, up to 100 MB each"


def test_the_arguments_as_typed() -> None:
    parser = argparse.ArgumentParser()
    for argument in get_check_arguments():
        argument.add_to_parser(parser)

    args = parser.parse_args(["jobs/one", "--env", "cheap.json"])

    assert vars(args) == {"job_dir": "jobs/one", "job": None, "env": "cheap.json", "map": None}


def test_a_private_key_that_is_not_on_this_machine_is_a_note(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = folder / "keys" / "batch.pem"
    text = "[communication]\nkey_path = keys\nkey_file = batch.pem"
    (folder / "setup.cfg").write_text(text, encoding="utf-8")

    run_check(folder)

    assert capsys.readouterr().out.splitlines()[-1] == (
        f"Note: setup.cfg: [communication] key_path, key_file: no file {key} can be read on this machine; "
        "every worker needs it"
    )
    key.parent.mkdir()
    key.touch()
    run_check(folder)
    assert "Note:" not in capsys.readouterr().out


def test_looks_that_would_be_too_seldom_are_a_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "setup.cfg").write_text("[scheduler]\nstatus_update_time = 3600", encoding="utf-8")

    run_check(folder)

    assert capsys.readouterr().out.splitlines()[-1] == (
        "Note: setup.cfg: [scheduler] status_update_time: 3600 s would be too late for losses: "
        "a run looks at its VMs every 60 s"
    )

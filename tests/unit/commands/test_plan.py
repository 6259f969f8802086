"""``airflow hads plan`` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.cli import get_hads_cli_commands
from airflow_provider_hads.commands.plan import get_plan_arguments, main
from airflow_provider_hads.inputs import load_job_folder
from airflow_provider_hads.model import Plan
from airflow_provider_hads.planning import get_planner
from airflow_provider_hads.planning.choices import PlanChoices

KEYS = {
    "feasible",
    "planner",
    "cost",
    "makespan",
    "d_spot",
    "deadline",
    "lower_bound",
    "gap",
    "vms",
    "seconds",
    "on_demand_cost",
}
ENVIRONMENT: dict[str, Any] = {
    "global_limits": {"ec2": {"on-demand": 4, "preemptible": 4}},
    "instances": {
        "c5.large": {
            "vcpu": 2,
            "memory": 4,
            "gflops": 40,
            "prices": {"on-demand": 0.1, "preemptible": 0.036},
            "restrictions": {
                "limits": {"on-demand": 4, "preemptible": 4},
                "markets": {"on-demand": "yes", "preemptible": "yes"},
            },
        },
        "t3.large": {
            "vcpu": 2,
            "memory": 8,
            "gflops": 10,
            "prices": {"on-demand": 0.08},
            "restrictions": {
                "limits": {"on-demand": 2},
                "markets": {"on-demand": "yes"},
                "burstable": {"burstable": "yes", "cpu_credit_rate": 36, "baseline": 50},
            },
        },
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six tasks of 100 s."""
    task = {"memory": 100, "command": "sh run.sh", "runtime": {"c5.large": 100, "t3.large": 100}}
    job = {"job_id": 7, "job_name": "small", "tasks": dict.fromkeys("abcdef", task)}
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    (tmp_path / "env.json").write_text(json.dumps(ENVIRONMENT), encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command on the folder; it returns exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main([str(folder), *arguments])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def document(run: Any, *arguments: str) -> dict[str, Any]:
    code, out, _ = run("--json", *arguments)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_table_has_vms_totals_savings_and_d_spot(run: Any) -> None:
    code, out, _ = run("--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")
    assert code == 0
    lines = out.splitlines()
    assert lines[:6] == [
        "Plan of job 7 (small), by cc",
        "",
        "VM    type      market  cores  end s   cost $  tasks",
        "vm-0  c5.large  spot      2/2    300  0.00300  6: a b c d e f",
        "",
        "1 VM, 6 tasks: $0.00300, 300 s (both without boot); the deadline is 1000 s",
    ]
    assert "D_spot, the latest end of spot work: 900 s (published)" in lines
    assert "On-demand VMs only, none burstable: $0.00833; this plan costs 64.0 % less" in lines
    assert lines[-1].endswith(" s: objective cost, seed 0, one task a core")


def after_the_bound(out: str) -> list[str]:
    """Return the lines between the costs and the last one."""
    lines = out.splitlines()
    (bound,) = (number for number, line in enumerate(lines) if line.startswith("No plan without burstable"))
    return lines[bound + 1 : -1]


@pytest.mark.parametrize(("boot", "left"), [("180", "820"), ("700", "300")])
def test_it_is_said_that_a_run_needs_time_for_boot_too(folder: Path, run: Any, boot: str, left: str) -> None:
    (folder / "setup.cfg").write_text(f"[ec2]\nboot_overhead = {boot}", encoding="utf-8")

    _, out, _ = run("--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")

    assert after_the_bound(out) == [
        f"Boot is not counted here: a run allows {boot} s for it (boot_overhead), so its tasks have {left} s."
    ]


@pytest.mark.parametrize(("boot", "left", "end"), [("700.5", "299.5", 1001), ("1200", "0", 1500)])
def test_a_plan_that_is_too_late_with_boot_has_a_warning(
    folder: Path, run: Any, boot: str, left: str, end: int
) -> None:
    not_counted = f"Boot is not counted here: a run allows {boot} s for it (boot_overhead)"
    (folder / "setup.cfg").write_text(f"[ec2]\nboot_overhead = {boot}", encoding="utf-8")

    _, out, _ = run("--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")

    assert after_the_bound(out) == [
        f"{not_counted}, so its tasks have {left} s.",
        f"WARNING: with boot it ends at {end} s, after the deadline of 1000 s: "
        "a run would have to plan anew,",
        f"and is refused where no plan is found; with a deadline of {end + 700} s it has this plan.",
    ]


def test_nothing_is_said_of_boot_that_takes_no_time(folder: Path, run: Any) -> None:
    (folder / "setup.cfg").write_text("[ec2]\nboot_overhead = 0", encoding="utf-8")

    _, out, _ = run("--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")

    assert after_the_bound(out) == []


@pytest.mark.parametrize("planner", ["cc", "ils", "packing", "on-demand"])
def test_a_run_with_the_deadline_that_is_named_has_the_same_plan(folder: Path, planner: str) -> None:
    inputs = load_job_folder(folder)

    def plan_of(deadline: float, lead_time: float) -> Plan:
        request = PlanChoices(planner).request(
            inputs.job, inputs.environment, inputs.settings, deadline=deadline, lead_time=lead_time
        )
        return get_planner(planner)(request)

    shown, planned = plan_of(1000, 0), plan_of(1700, 700)
    assert (planned.vms, planned.d_spot) == (shown.vms, shown.d_spot)


def test_with_json_standard_output_is_one_object(run: Any) -> None:
    found = document(run, "--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")
    assert set(found) >= KEYS
    assert (found["feasible"], found["planner"], found["deadline"]) == (True, "cc", 1000)
    assert (found["cost"], found["makespan"], found["d_spot"]) == (pytest.approx(0.003), 300, 900)
    assert found["on_demand_cost"] == pytest.approx(0.1 * 300 / 3600)
    assert [(vm["type"], vm["market"], vm["tasks"]) for vm in found["vms"]] == [
        ("c5.large", "spot", ["a", "b", "c", "d", "e", "f"])
    ]
    assert found["seconds"] >= 0


def test_the_gap_is_over_the_lower_bound(run: Any) -> None:
    found = document(run, "--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")
    assert 0 < found["lower_bound"] <= found["cost"]
    assert found["gap"] == pytest.approx(found["cost"] / found["lower_bound"] - 1)


def test_a_plan_with_burstable_vms_has_no_bound(folder: Path, run: Any) -> None:
    """The bound is one for all other plans: a cheap burstable VM goes below it."""
    types = ENVIRONMENT["instances"]
    burstable = {**types["t3.large"], "prices": {"on-demand": 0.001}}
    text = json.dumps({**ENVIRONMENT, "instances": {**types, "t3.large": burstable}})
    (folder / "env.json").write_text(text, encoding="utf-8")
    (folder / "setup.cfg").write_text("[scheduler]\nburstable_factor = 1\n", encoding="utf-8")
    arguments = ("--deadline", "1000", "--planner", "ils", "--objective", "cost")
    found = document(run, *arguments)
    assert "t3.large" in {vm["type"] for vm in found["vms"]}
    assert (found["lower_bound"], found["gap"]) == (None, None)
    assert "No plan without burstable VMs" not in run(*arguments)[1]


def test_spot_work_is_safe_unless_the_published_rule_is_asked_for(run: Any) -> None:
    safe = document(run, "--deadline", "1000", "--planner", "cc")
    published = document(run, "--deadline", "1000", "--planner", "cc", "--spot-deadline", "published")
    assert (safe["spot_deadline"], published["spot_deadline"]) == ("safe", "published")
    assert safe["d_spot"] < published["d_spot"]


def test_ils_goes_by_its_weighted_fitness_unless_told_otherwise(run: Any) -> None:
    assert document(run, "--deadline", "1000", "--planner", "ILS")["objective"] == "weighted"
    assert (
        document(run, "--deadline", "1000", "--planner", "ils", "--objective", "cost")["objective"] == "cost"
    )


def test_sequential_is_one_task_a_vm(run: Any) -> None:
    found = document(run, "--deadline", "1000", "--planner", "on-demand", "--sequential")
    assert found["parallel"] is False
    assert all(vm["end"] == 100 * len(vm["tasks"]) for vm in found["vms"])


def test_settings_go_into_the_request(folder: Path, run: Any) -> None:
    text = "[input]\ndeadline_seconds = 800\n[scheduler]\nname = ipdps\nburstable_factor = 0\n"
    (folder / "setup.cfg").write_text(text + "allow_parallel_execution = no\n", encoding="utf-8")
    found = document(run)
    assert (found["planner"], found["deadline"], found["parallel"]) == ("ils", 800, False)
    assert {vm["cpu_share"] for vm in found["vms"]} == {None}


def test_a_time_limit_lets_the_search_go_on_until_then(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of the machine; here it ticks each time it is asked."""
    ticks = count()
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    code, _, _ = run("--deadline", "1000", "--time-limit", "5000")
    assert code == 0
    assert next(ticks) > 5000


def test_the_deadline_of_the_command_line_goes_first_then_setup_cfg_then_the_map(
    folder: Path, run: Any
) -> None:
    run("--deadline", "900", "--output", str(folder / "map.json"))
    assert document(run)["deadline"] == 900
    (folder / "setup.cfg").write_text("[input]\ndeadline_seconds = 800", encoding="utf-8")
    assert document(run)["deadline"] == 800
    assert document(run, "--deadline", "700")["deadline"] == 700


def test_an_old_map_that_does_not_fit_any_more_is_no_hindrance(folder: Path, run: Any) -> None:
    (folder / "map.json").write_text('{"deadline": 5, "instances": {}}', encoding="utf-8")
    assert run("--deadline", "900")[0] == 0
    assert run()[0] == 1


@pytest.mark.parametrize("planner", ["cc", "ils"])
def test_the_map_is_read_again_as_the_same_plan(folder: Path, run: Any, planner: str) -> None:
    found = document(run, "--deadline", "1000", "--planner", planner, "--output", str(folder / "map.json"))
    plan = load_job_folder(folder).plan
    assert plan is not None
    assert (plan.planner, plan.deadline, plan.d_spot_rule) == (planner, 1000, "safe")
    assert (plan.cost, plan.makespan, plan.d_spot) == (found["cost"], found["makespan"], found["d_spot"])
    assert [(vm.id, vm.cpu_share) for vm in plan.vms] == [(vm["id"], vm["cpu_share"]) for vm in found["vms"]]
    assert sorted(path.name for path in folder.iterdir()) == ["env.json", "job.json", "map.json"]


def test_the_plot_is_an_svg_file(folder: Path, run: Any) -> None:
    code, out, _ = run("--deadline", "1000", "--plot", str(folder / "plan.svg"))
    assert code == 0
    assert out.splitlines()[-1] == f"Plot: {folder / 'plan.svg'}"
    assert (folder / "plan.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_an_infeasible_job_ends_with_2_and_writes_nothing(folder: Path, run: Any) -> None:
    output, plot = folder / "map.json", folder / "plan.svg"
    code, out, err = run("--deadline", "50", "--planner", "cc", "--output", str(output), "--plot", str(plot))
    assert (code, out) == (2, "")
    assert "the binding limit is the longest task" in err
    assert "The smallest deadline that planner cc can meet within the limits is" in err
    assert err.splitlines()[-1].startswith(
        "Boot is not counted here: a run needs 180 s (boot_overhead) more, "
    )
    assert not output.exists()
    assert not plot.exists()


def test_with_json_a_refusal_is_an_object_too(run: Any) -> None:
    code, out, err = run("--deadline", "50", "--planner", "cc", "--json")
    found = json.loads(out)
    assert code == 2
    assert set(found) >= KEYS
    assert (found["feasible"], found["cost"], found["vms"]) == (False, None, [])
    assert found["limit"] == "longest task"
    assert found["message"] in err
    assert document(run, "--deadline", str(found["smallest_deadline"]), "--planner", "cc")["feasible"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--deadline: there is no deadline; give --deadline, or"),
        (["--deadline", "soon"], "--deadline: 'soon' is not right; give seconds, a number above 0"),
        (["--deadline", "0"], "--deadline: '0' is not right"),
        (["--deadline", "nan"], "--deadline: 'nan' is not right"),
        (["--planner", "magic"], "--planner: unknown planner 'magic'; choose one of cc"),
        (["--spot-deadline", "x"], "--spot-deadline: 'x' is not right; choose one of published, safe"),
        (["--objective", "x"], "--objective: 'x' is not right; choose one of cost, makespan, weighted"),
        (["--seed", "1.5"], "--seed: '1.5' is not right; give a whole number, 0 or more"),
        (["--time-limit", "-1"], "--time-limit: '-1' is not right"),
        (
            ["--output", "no/where/map.json"],
            "--output: 'no/where/map.json' can't be written: there is no folder",
        ),
        (["--plot", "/"], "--plot: '/' is a folder; name a file"),
        (["--output", "a\0b"], r"--output: 'a\x00b' has a zero byte, which no file's name can have"),
        (
            ["--output", "/tmp/x", "--plot", "/tmp/./x"],
            "--output, --plot: '/tmp/x' is the file of --output and of --plot; name another",
        ),
    ],
)
def test_bad_arguments_end_with_1_and_a_line(run: Any, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"command line: {message}")
    assert len(err.splitlines()) == 1


def test_all_bad_arguments_are_told_at_once(run: Any) -> None:
    _, _, err = run("--deadline", "x", "--seed", "x", "--planner", "x")
    assert [line.split(":")[1] for line in err.splitlines()] == [" --deadline", " --planner", " --seed"]


def test_bad_files_end_with_1_and_a_line_each(folder: Path, run: Any) -> None:
    (folder / "job.json").write_text("{}", encoding="utf-8")
    code, out, err = run("--deadline", "100")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 2


def test_an_output_that_the_system_refuses_leaves_nothing_behind(folder: Path, run: Any) -> None:
    """A name that is too long is noticed only when the file is written."""
    code, out, err = run("--deadline", "1000", "--output", str(folder / ("x" * 300)))
    assert (code, out) == (1, "")
    assert "can't be written" in err
    assert sorted(path.name for path in folder.iterdir()) == ["env.json", "job.json"]


def test_a_link_is_followed_and_stays_one(folder: Path, run: Any) -> None:
    (folder / "link.json").symlink_to("there.json")
    code, _, _ = run("--deadline", "1000", "--output", str(folder / "link.json"))
    assert code == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "there.json").read_text(encoding="utf-8"))


def test_a_link_to_itself_is_an_error_in_one_line(folder: Path, run: Any) -> None:
    (folder / "link.json").symlink_to("link.json")
    code, _, err = run("--deadline", "1000", "--output", str(folder / "link.json"))
    assert (code, len(err.splitlines())) == (1, 1)
    assert (folder / "link.json").is_symlink()


def test_a_pipe_is_written_to_and_not_replaced(folder: Path, run: Any) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    code, _, _ = run("--deadline", "1000", "--output", str(pipe))
    assert code == 0
    assert pipe.is_fifo()
    assert json.loads(os.read(reader, 1 << 16))
    os.close(reader)


def test_nothing_is_said_where_no_one_reads_any_more(folder: Path) -> None:
    command = [sys.executable, "-m", "airflow_provider_hads.commands.plan", str(folder), "--deadline", "1000"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.close()
    assert started.stderr is not None
    assert started.stderr.read() == b""
    assert started.wait(timeout=60) == 141
    started.stderr.close()


def test_it_runs_without_airflow(folder: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "airflow_provider_hads.commands.plan", str(folder)]
    done = subprocess.run(
        [*command, "--deadline", "1000", "--json"], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout)["feasible"] is True
    assert not [line for line in done.stderr.splitlines() if line.endswith((" airflow", " boto3"))]


def test_the_arguments_of_airflows_command_line_are_the_same() -> None:
    flags = [argument.flags[0] for argument in get_plan_arguments()]
    assert flags[0] == "job_dir"
    assert {"--planner", "--spot-deadline", "--objective", "--time-limit", "--json"} <= set(flags)


def test_airflow_has_the_command() -> None:
    (group,) = get_hads_cli_commands()
    assert "plan" in [command.name for command in getattr(group, "subcommands", ())]

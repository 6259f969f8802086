"""``airflow hads simulate``, without Airflow's start-up."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.commands.simulate import OPTIONS, main
from airflow_provider_hads.commands.simulate_options import SimulateOptions, read_options
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.inputs import load_job_folder
from tests.support.log_checker import check_log

EXAMPLE = Path(__file__).parents[3] / "dags" / "jobs" / "example"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main([str(EXAMPLE), "--deadline", "1200", "--runs", "5", *arguments])
    return capsys.readouterr().out


def read(arguments: list[str]) -> SimulateOptions:
    parser = argparse.ArgumentParser()
    for flag, settings in OPTIONS.items():
        parser.add_argument(flag, **settings)
    return read_options(parser.parse_args(arguments))


def test_json_holds_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    figures = json.loads(run(capsys, "--json", "--scenario", "c4"))
    assert figures["runs"] == figures["deadlines_met"] == 5
    assert figures["deadline_met"] == 1.0
    for name in ("cost", "makespan"):
        assert list(figures[name]) == ["mean", "p50", "p95", "max"]
        assert figures[name]["p50"] <= figures[name]["p95"] <= figures[name]["max"]
    assert figures["on_demand_cost"] > 0
    for name in ("hibernations", "resumes", "migrations", "steals", "runs_per_second"):
        assert figures[name] >= 0


def test_the_same_seed_gives_the_same_runs(capsys: pytest.CaptureFixture[str]) -> None:
    def costs(*arguments: str) -> object:
        return json.loads(run(capsys, "--json", "--hibernation-rate", "0.005", *arguments))["cost"]

    assert costs("--seed", "1") == costs("--seed", "1") != costs("--seed", "2")


def test_on_demand_only_costs_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    figures = json.loads(run(capsys, "--json", "--policy", "on-demand-only", "--scenario", "c2"))
    assert figures["cost"]["mean"] == pytest.approx(figures["on_demand_cost"])


def test_the_event_log_of_a_run_is_sound(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    events, plot = tmp_path / "events.jsonl", tmp_path / "run.svg"
    run(capsys, "--scenario", "c5", "--events", str(events), "--plot", str(plot), "--run", "3")
    inputs = load_job_folder(EXAMPLE, with_application_files=False, with_map=False)
    log = [json.loads(line) for line in events.read_text().splitlines()]
    assert check_log(log, inputs.job, inputs.environment) == []
    assert plot.read_text().startswith("<svg")


def test_ec2_does_not_bill_what_it_interrupts_in_the_first_hour(capsys: pytest.CaptureFixture[str]) -> None:
    def figures(*arguments: str) -> dict[str, Any]:
        found = json.loads(
            run(capsys, "--json", "--hibernation-rate", "0.01", "--on-loss", "terminate", *arguments)
        )
        assert isinstance(found, dict)
        return found

    plain, as_ec2 = figures(), figures("--billing", "ec2")
    assert as_ec2["billing"] == "ec2"
    assert as_ec2["cost"]["mean"] < plain["cost"]["mean"]
    assert as_ec2["makespan"] == plain["makespan"]
    assert "interrupted in its first hour is free" in run(capsys, "--billing", "ec2")


@pytest.mark.parametrize(("given", "zones"), [([], ()), (["1"], ()), (["3"], ("a", "b", "c"))])
def test_the_zones_are_known_to_the_controller(given: list[str], zones: tuple[str, ...]) -> None:
    flags = ["--zones", *given] if given else []
    assert read([str(EXAMPLE), "--deadline", "1200", *flags]).experiment.mission.zones == zones


WITHOUT_EFFECT = {
    "--resume-rate 0.001": "--resume-rate: no effect: no VM is interrupted without --hibernation-rate",
    "--hibernation-rate 0.001 --resume-rate 0.001 --on-loss terminate": (
        "--resume-rate: no effect: a VM that is terminated does not come back"
    ),
    "--scope type": "--scope: no effect: no VM is interrupted",
    "--scope type --scenario baseline": "--scope: no effect: no VM is interrupted",
    "--on-loss terminate": "--on-loss: no effect: no VM is interrupted",
    "--planner cc": "--planner: no effect: only the policies burst-hads and hads follow a plan",
    "--run 3": "--run: no effect: it says which run --events and --plot show",
}


@pytest.mark.parametrize("options", WITHOUT_EFFECT)
def test_what_has_no_effect_is_said(capsys: pytest.CaptureFixture[str], options: str) -> None:
    main([str(EXAMPLE), "--deadline", "1200", "--runs", "1", *options.split()])
    assert capsys.readouterr().err.splitlines()[0] == f"command line: {WITHOUT_EFFECT[options]}"


def test_what_has_an_effect_is_not_commented(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown = ["--run", "2", "--plot", str(tmp_path / "run.svg"), "--policy", "hads", "--planner", "cc"]
    world = ["--scenario", "c3", "--scope", "type", "--on-loss", "terminate"]
    main([str(EXAMPLE), "--deadline", "1200", "--runs", "1", *shown, *world])
    assert "no effect" not in capsys.readouterr().err


def test_without_json_a_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Deadline met: 5 of 5" in run(capsys)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--policy", "brave"], "there is no policy 'brave'"),
        (["--scenario", "c9"], "there is no scenario 'c9'"),
        (["--runs", "0"], "--runs"),
        (["--hibernation-rate", "-1"], "--hibernation-rate"),
        (["--scope", "planet"], "--scope"),
        (["--zones", "0"], "--zones: '0' is not right; give a whole number from 1 to 26"),
        (["--zones", "27"], "--zones: '27' is not right"),
        (["--trace", "nowhere.json"], "nowhere.json"),
        (["--trace", __file__], "is not a trace"),
        (["--runs", "many"], "--runs: 'many' is not right"),
        (["--on-loss", "explode"], "give one of hibernate, terminate"),
        (["--on-loss", ""], "give one of hibernate, terminate"),
        (["--billing", "by-weight"], "give one of per-second, ec2"),
        (["--checkpoint", "often"], "give none, continuous, or seconds"),
        (["--checkpoint", "1e-7"], "--checkpoint: '1e-7' is too short; give none, continuous, or seconds"),
        (["--estimate-error", "1000"], "--estimate-error: '1000' is too large; give a number from 0 to 5"),
        (["--resume-rate", "1e9"], "--resume-rate: '1e9' is too large; give a number from 0 to 10"),
        (["--deadline", "1e308"], "--deadline: '1e308' is too large; give seconds, 1e+09 at most"),
        (["--scenario", "c1", "--resume-rate", "0.1"], "give one of --scenario"),
    ],
)
def test_what_is_wrong_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(EXAMPLE), "--deadline", "1200", *arguments])
    assert ended.value.code == 1
    assert complaint in capsys.readouterr().err


@pytest.fixture
def traces(tmp_path: Path) -> list[str]:
    """Return trace files: no spot VM at all, and as many as one likes."""
    files = [tmp_path / "never.json", tmp_path / "always.json"]
    for file, count in zip(files, (0, 1), strict=True):
        file.write_text(json.dumps({"metadata": {"gap_seconds": 60}, "data": [count]}))
    return [str(file) for file in files]


def spot_types() -> list[str]:
    inputs = load_job_folder(EXAMPLE, with_application_files=False, with_map=False)
    return [kind.name for kind in Mission(inputs.job, inputs.environment).spot_types]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line with which a command line is refused."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert isinstance(line, str)
    return line


@pytest.mark.parametrize("again", [[], ["--trace"]], ids=["together", "each by itself"])
def test_each_spot_type_follows_its_own_trace(traces: list[str], again: list[str]) -> None:
    first, *others = spot_types()
    never, always = traces
    names = [always, *(name for _ in others for name in (*again, never))]
    options = read([str(EXAMPLE), "--deadline", "1200", "--trace", *names])
    by_type = options.experiment.setting.traces
    assert by_type[first].counts == (1,)
    assert [by_type[name].counts for name in others] == [(0,)] * len(others)


def test_one_trace_is_for_all_spot_types(traces: list[str]) -> None:
    options = read([str(EXAMPLE), "--deadline", "1200", "--trace", traces[0]])
    assert [trace.counts for trace in options.experiment.setting.traces.values()] == [(0,)] * len(
        spot_types()
    )


def test_traces_for_some_of_the_spot_types_are_refused(
    capsys: pytest.CaptureFixture[str], traces: list[str]
) -> None:
    names = spot_types()
    line = refused(capsys, str(EXAMPLE), "--deadline", "1200", "--trace", *[traces[0]] * (len(names) + 1))
    assert line.startswith(f"command line: --trace: {len(names) + 1} traces for the job's {len(names)} spot")
    assert line.endswith(f"in this order: {', '.join(names)}")


def test_a_job_folder_behind_the_traces_is_not_taken_for_one(
    capsys: pytest.CaptureFixture[str], traces: list[str]
) -> None:
    line = refused(capsys, "--deadline", "1200", "--trace", traces[0], str(EXAMPLE))
    assert f"--trace: '{EXAMPLE}' is a folder, not a trace" in line
    assert f"{EXAMPLE} --trace FILE, --trace FILE -- {EXAMPLE}" in line
    main(["--deadline", "1200", "--runs", "1", "--trace", traces[0], "--", str(EXAMPLE)])
    assert "Deadline met: 1 of 1" in capsys.readouterr().out


def test_a_folder_as_a_trace_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, str(EXAMPLE), "--deadline", "1200", "--trace", str(EXAMPLE))
    assert line.startswith(f"command line: --trace: '{EXAMPLE}' can't be read")


@pytest.mark.parametrize(
    ("first", "second"), [("--events", "--plot"), ("--plot", "--plot-costs"), ("--events", "--plot-costs")]
)
def test_two_results_in_one_file_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, first: str, second: str
) -> None:
    (tmp_path / "folder").mkdir()
    file, same = tmp_path / "result", tmp_path / "folder" / ".." / "result"
    line = refused(capsys, str(EXAMPLE), "--deadline", "1200", first, str(file), second, str(same))
    assert f"'{same}' is the file of {first} and of {second}; name another" in line
    assert not file.exists()


def test_the_costs_of_the_other_policies_are_drawn_where_one_cannot_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    costs = tmp_path / "costs.svg"
    main([str(EXAMPLE), "--deadline", "190", "--boot", "150", "--runs", "2", "--plot-costs", str(costs)])
    told = capsys.readouterr()
    assert "On-demand VMs only can't meet the deadline" in told.out
    assert "--plot-costs: policy on-demand-only is not drawn: job 12 can't be done on" in told.err
    assert "--plot-costs: policy hads is not drawn: " in told.err
    svg = costs.read_text()
    assert "uniform-progress" in svg
    assert "on-demand-only is missing: job 12 can't be done" in svg


def test_a_wrong_trace_is_named_with_its_field_and_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trace = tmp_path / "trace.json"
    trace.write_text('{"metadata": {"gap_seconds": 60}, "data": [1, Infinity]}')
    line = refused(capsys, str(EXAMPLE), "--deadline", "1200", "--trace", str(trace))
    assert line.startswith(f"command line: --trace: '{trace}' is not a trace: data[1] is Infinity; give")

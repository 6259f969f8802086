"""The demo: told to a person, twice, and nothing is left of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.job_folders import Machine, write_job_folder
from tests.system.airflow_environment import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What two demos of a short job have printed, one after the other."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "dags").mkdir()
    (folder / "dags" / "hads_jobs.py").symlink_to(ROOT / "dags" / "hads_jobs.py")
    jobs = folder / "dags" / "jobs"
    write_job_folder(jobs / "short", {"0": "echo done > output.txt"}, [Machine(["0"])], job_id="short")
    return [demo(folder), demo(folder)]


def demo(folder: Path) -> str:
    command = [sys.executable, "-m", "airflow_provider_hads.commands.demo", "short"]
    ended = subprocess.run(
        [*command, "--dags", str(folder / "dags")],
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_it_tells_a_run_from_the_plan_to_the_cost(stories: list[str]) -> None:
    story = stories[0]
    told = ("Plan of job", "Launched", "started on", "results published", "Report of run", "Cost: $")
    assert [word for word in told if word not in story] == []


def test_it_shows_where_the_results_lie(stories: list[str]) -> None:
    assert re.search(r"Results in the bucket, which is kept in (\S+):", stories[0])
    assert re.search(r"short_0/0/data/output\.txt", stories[0])


def test_a_second_demo_is_the_jobs_second_run(stories: list[str]) -> None:
    assert re.search(r"short_1/0/data/output\.txt", stories[1])
    assert not re.search(r"short_0/0/data/output\.txt", stories[1])


def test_nothing_is_left_running(stories: list[str]) -> None:
    listed = ["docker", "ps", "--all", "--format", "{{.Names}}"]
    containers = subprocess.run(listed, capture_output=True, text=True, timeout=30, check=True).stdout
    for story in stories:
        assert "The local cloud is down: nothing is left running." in story
    [log] = {*re.findall(r"Airflow's whole log: (\S+)\)", "".join(stories))}
    instances = {*re.findall(r"\bi-[0-9a-f]{17}\b", Path(log).read_text())}
    assert instances
    assert instances & {*containers.split()} == set()
    assert commands_that_name(Path(log).parent) == []


def commands_that_name(folder: Path) -> list[str]:
    """Return the command lines of this machine that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(folder) in line]


@pytest.fixture(scope="module")
def hibernation(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a demo has printed in which one of three spot VMs hibernates for good."""
    folder = tmp_path_factory.mktemp("demo-hibernation")
    command = [
        sys.executable,
        "-m",
        "airflow_provider_hads.commands.demo",
        "hibernation",
        "--hibernate",
        "vm-1",
    ]
    ended = subprocess.run(
        [*command, "--dags", str(ROOT / "dags")],
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_newcomer_is_told_of_the_hibernation_and_of_what_is_decided(hibernation: str) -> None:
    told = (
        ">>> EC2 wants vm-1's capacity back: it hibernates",
        "vm-1 (c5.large, spot) is hibernat",
        "Decision: assign 1.2 to vm-",
        "Tasks: 12 of 12 finished",
        "deadline met",
        "The same VMs on demand: $",
        "The local cloud is down: nothing is left running.",
    )
    assert [words for words in told if words not in hibernation] == []


def test_the_story_comes_in_its_order(hibernation: str) -> None:
    places = [
        hibernation.index(words)
        for words in ("Plan of job", "started on vm-1", ">>> EC2 wants", "Decision: ", "Report of run")
    ]
    assert places == sorted(places)

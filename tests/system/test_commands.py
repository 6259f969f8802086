"""What the provider adds to the `airflow` command."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import write_job_folder
from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest

Answers = dict[str, subprocess.CompletedProcess[str]]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, dags_test: DagsTest, local_cloud: LocalCloud
) -> Answers:
    """What each command answered; two at a time, since each takes seconds to start."""
    bad = write_job_folder(tmp_path_factory.mktemp("jobs") / "bad", {"0": "true"}, job_id="261")
    (bad / "job.json").write_text("{not JSON")
    state = str(local_cloud.state_dir)
    commands = {
        "providers": ("providers", "list"),
        "help": ("hads", "--help"),
        "check": ("hads", "check", str(ROOT / "dags" / "jobs" / "example")),
        "check bad": ("hads", "check", str(bad)),
        "status": ("hads", "local-cloud", "status", "--state-dir", state),
        "status down": ("hads", "local-cloud", "status", "--state-dir", str(bad / "no-cloud")),
    }
    with ThreadPoolExecutor(2) as pool:
        ended = {name: pool.submit(dags_test.command, *words) for name, words in commands.items()}
    return {name: one.result() for name, one in ended.items()}


def test_providers_list_shows_the_provider(answers: Answers) -> None:
    line = next(line for line in answers["providers"].stdout.splitlines() if "airflow-provider-hads" in line)

    assert "on spot, on-demand and" in line


def test_hads_help_names_its_commands(answers: Answers) -> None:
    assert answers["help"].returncode == 0
    assert "check" in answers["help"].stdout
    assert "local-cloud" in answers["help"].stdout


def test_check_accepts_the_example(answers: Answers) -> None:
    assert answers["check"].returncode == 0, answers["check"].stderr
    assert "3 tasks" in answers["check"].stdout


def test_check_refuses_a_bad_folder_in_one_line(answers: Answers) -> None:
    answer = answers["check bad"]

    assert answer.returncode == 1
    assert "job.json" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


def test_local_cloud_status_tells_whether_one_is_up(answers: Answers, local_cloud: LocalCloud) -> None:
    assert f"The local cloud is up: {local_cloud.endpoint_url}" in answers["status"].stdout
    assert "No local cloud is running." in answers["status down"].stdout

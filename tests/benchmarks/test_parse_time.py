"""What the provider's DAGs add to the time in which Airflow itself can be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.figures import Figures
from tests.system.airflow_environment import ROOT, base_environment

PARSE = """
import json, runpy, sys, time
began = time.perf_counter()
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, Param, TriggerRule, XComArg, conf, task_group
with DAG("empty"):
    EmptyOperator(task_id="nothing")
imported = time.perf_counter()
dags = runpy.run_path(sys.argv[1])
built = time.perf_counter()
assert "example" in dags
print(json.dumps([imported - began, built - imported]))
"""
TRIES = 5


def test_parse_time(tmp_path: Path, figures: Figures) -> None:
    tries = [measured(tmp_path) for _ in range(TRIES)]

    airflow, ours = (min(seconds) for seconds in zip(*tries, strict=True))
    figures.add(
        f"Parsing the example's DAG file, over Airflow's own import ({airflow:.1f} s; best of {TRIES})",
        f"{ours:.2f} s",
        "< 0.3 s",
    )


def measured(home: Path) -> list[float]:
    """Return the seconds for Airflow and an empty DAG, and those that the example adds."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags" / "hads_jobs.py")],
        env=base_environment(home, ROOT / "dags", f"sqlite:///{home}/airflow.db"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds

"""All at once: VMs hibernate, come back and die, calls are throttled, controller and Airflow are killed.

Two seeds by default; ``HADS_CHAOS_SEEDS=1-10`` chooses others (``make test-chaos``, ``make soak``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.chaos import ChaoticRun, chosen_seeds, go_through_chaos
from tests.system.chaos_job import SECONDS, TASKS
from tests.system.deployment import AirflowDeployment
from tests.system.interrupted_jobs import STEP, counted

pytestmark = pytest.mark.slow

LOOK = 5.0
"""Seconds that a controller may need to see what has happened."""

UNHEARD = 0.01
"""Share by which report and bill may differ: who is killed may have heard what nobody hears again."""


@pytest.fixture(scope="module")
def chaotic_run(deployment: AirflowDeployment, local_cloud: LocalCloud) -> Callable[[int], ChaoticRun]:
    """The run of a seed, carried out when it is first asked for; its line of the table is printed."""
    done: dict[int, ChaoticRun] = {}

    def of_seed(seed: int) -> ChaoticRun:
        if seed not in done:
            done[seed] = go_through_chaos(deployment, local_cloud, seed)
            sys.stdout.write(f"\n{done[seed].row()}\n")
        return done[seed]

    return of_seed


@pytest.mark.parametrize("seed", chosen_seeds())
class TestChaos:
    def test_all_results_are_right_and_each_is_published_once(
        self, chaotic_run: Callable[[int], ChaoticRun], seed: int
    ) -> None:
        chaotic = chaotic_run(seed)

        assert chaotic.state == "success", chaotic.story()[-6000:]
        assert {*chaotic.run.manifests()} == {*TASKS}
        whole = list(range(1, int(SECONDS / STEP) + 1))
        wrong = [task for task in TASKS if counted(chaotic.run.result(task, "out")) != whole]
        assert wrong == []
        story = chaotic.story()
        published = {task: story.count(f"Task {task}: results published") for task in TASKS}
        assert published == dict.fromkeys(TASKS, 1)

    def test_the_deadline_is_met_or_the_miss_was_announced_before_it(
        self, chaotic_run: Callable[[int], ChaoticRun], seed: int
    ) -> None:
        chaotic = chaotic_run(seed)
        report = chaotic.report
        if report["deadline_met"]:
            return

        miss = report["miss"]
        assert miss is not None, chaotic.story()[-6000:]
        # What starts later than this can't end in time: from then on the miss is certain for everybody.
        starts = [one["started_at"] for task in TASKS for one in chaotic.run.attempts(task)[-1:]]
        latest = report["deadline"] - SECONDS
        too_late = any(start is not None and start > latest for start in starts)
        assert miss["at"] < (latest + LOOK if too_late else report["deadline"])
        assert "can't be met any more" in chaotic.story()

    def test_nothing_is_left(self, chaotic_run: Callable[[int], ChaoticRun], seed: int) -> None:
        assert chaotic_run(seed).run.left() == []

    def test_the_report_agrees_with_the_bill(
        self, chaotic_run: Callable[[int], ChaoticRun], seed: int
    ) -> None:
        chaotic = chaotic_run(seed)

        assert chaotic.report["cost"] == pytest.approx(chaotic.bill, rel=UNHEARD)

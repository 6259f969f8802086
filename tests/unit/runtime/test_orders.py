"""From a plan to the orders in a VM's queue."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.model import InstanceType, Job, Market, Task
from airflow_provider_hads.model.run_state import Attempt, TaskRecord
from airflow_provider_hads.model.runner import AttemptState, StagedFile
from airflow_provider_hads.model.settings import DockerSettings, SchedulerSettings, Settings
from airflow_provider_hads.runtime.orders import OrderBook, next_number
from tests.support.control_examples import run_state

VM = run_state({"vm-0": ["b", "a", "c"]}).vms["vm-0"]
SMALL = InstanceType("small", 2, 4000, 10, {Market.SPOT: 0.03}, {Market.SPOT: 9})
JOB = Job("7", "", {name: Task(name, f"run {name}", 100, {"small": 20}) for name in "abc"})
SCRIPT = StagedFile("exec.sh", "ab" * 32, 10)


def book(settings: Settings | None = None, generation: int = 0) -> OrderBook:
    return OrderBook(JOB, {"small": SMALL}, settings or Settings(), {"a": [SCRIPT]}, generation)


def test_orders_are_in_the_order_of_the_plan() -> None:
    orders = book().orders(VM, {"a": 1, "b": 1, "c": 1})
    assert [(order.task_id, order.position) for order in orders] == [("b", 0), ("a", 1), ("c", 2)]


def test_a_task_that_comes_later_has_its_place_in_between() -> None:
    """Were it counted anew, it would go before tasks that were to start first."""
    assert [(order.task_id, order.position) for order in book().orders(VM, {"c": 2})] == [("c", 2)]


def test_an_order_has_all_that_the_runner_needs() -> None:
    settings = Settings(docker=DockerSettings(docker_image="tool:1", work_dir="/data"))
    (order,) = book(settings).orders(VM, {"a": 3})
    assert (order.attempt_id, order.command, order.image, order.work_dir) == (
        "a.3",
        "run a",
        "tool:1",
        "/data",
    )
    assert order.files == (SCRIPT,)


def test_a_container_may_use_its_share_of_the_vm_where_that_is_more_than_its_estimate() -> None:
    assert book().orders(VM, {"a": 1})[0].memory == 2000
    alone = Settings(scheduler=SchedulerSettings(allow_parallel_execution=False))
    assert book(alone).orders(VM, {"a": 1})[0].memory == 4000


def test_a_task_of_a_vm_in_baseline_mode_gets_its_share_of_a_vcpu() -> None:
    slow = replace(VM, cpu_share=0.25)
    assert book().orders(slow, {"a": 1})[0].cpu_share == 0.25
    assert book().orders(VM, {"a": 1})[0].cpu_share is None


def test_attempts_of_a_cleared_run_have_ids_of_their_own() -> None:
    first, second = (book(generation=generation).orders(VM, {"a": 1})[0].attempt_id for generation in (0, 1))
    assert first != second


def test_an_attempts_number_is_never_used_twice() -> None:
    """A VM takes an attempt that it has had for done, so that the task would wait for ever."""
    dropped = Attempt("a.2", "vm-0", AttemptState.CANCELLED)
    assert next_number(TaskRecord("a")) == 1
    assert next_number(TaskRecord("a", attempts=(replace_id(dropped, "a.1"), dropped))) == 3
    assert next_number(TaskRecord("a", attempts=(dropped,))) == 3
    assert next_number(TaskRecord("a", attempts=(replace_id(dropped, "a.g1.2"),)), generation=1) == 3


def replace_id(attempt: Attempt, attempt_id: str) -> Attempt:
    return Attempt(attempt_id, attempt.vm_id, attempt.state)

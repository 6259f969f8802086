"""What the operators for hand-written DAGs share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.exceptions import HadsError, InputError
from airflow_provider_hads.operators.failures import no_retry

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.runtime.blocks.identity import AirflowRun

__all__ = ["airflow_run", "bucket_name", "told_plainly"]


def airflow_run(context: Context) -> AirflowRun:
    """Return which run a task belongs to."""
    from airflow_provider_hads.runtime.blocks.identity import AirflowRun

    dag_run = context["dag_run"]
    return AirflowRun(dag_run.dag_id, dag_run.run_id, dag_run.run_after)


def bucket_name(given: str | None) -> str:
    """Return the bucket to use.

    :raises InputError: none is named.
    """
    name = given or read_configuration().bucket
    if not name:
        problem = "no bucket is named; give one, or set [hads] bucket in Airflow's configuration"
        raise InputError("task", "bucket", problem)
    return name


@contextmanager
def told_plainly() -> Iterator[None]:
    """Fail with an error's message and no traceback; at once, where another try can't mend it."""
    try:
        with no_retry():
            yield
    except HadsError as error:
        raise AirflowException(str(error)) from None

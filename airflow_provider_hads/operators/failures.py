"""Which errors are worth another try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_hads.exceptions import (
    EpochRefused,
    HostKeyMismatch,
    InfeasibleJob,
    InputError,
    InputErrors,
    PrivateKeyError,
    UnknownPlanner,
)

__all__ = ["no_retry"]

_HOPELESS = (
    InputError,
    InputErrors,
    InfeasibleJob,
    UnknownPlanner,
    PrivateKeyError,
    EpochRefused,
    HostKeyMismatch,
)


@contextmanager
def no_retry() -> Iterator[None]:
    """Let errors that another try can't mend fail the task at once, with their message and no traceback."""
    try:
        yield
    except _HOPELESS as error:
        raise AirflowFailException(str(error)) from None

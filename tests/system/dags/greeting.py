"""The smallest DAG with params, a log line and an XCom, to try the tests' own Airflow with."""

from __future__ import annotations

import logging
import time
from typing import Any

from airflow.sdk import dag, task


@dag(schedule=None, params={"name": "world", "seconds": 0})
def greeting() -> None:
    """Greet somebody."""

    @task
    def greet(params: dict[str, Any] | None = None) -> str:
        """Take the time that is asked for, log a greeting and return it."""
        values = params or {}
        time.sleep(values["seconds"])
        words = f"Hello, {values['name']}"
        logging.getLogger("airflow_provider_hads.greeting").info(words)
        return words

    greet()


greeting()

"""What a run of `airflow dags test` has left behind: its output, its database."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_BEGIN = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\S+) map_index=(?P<index>-?\d+)")
_END = re.compile(r"\[DAG TEST\] end task task_id=(?P<task>\S+) map_index=(?P<index>-?\d+)")


@dataclass(frozen=True)
class DagsTestResult:
    """How a run ended.

    :param exit_code: 0 where the run succeeded.
    :param output: all that it printed.
    :param home: its AIRFLOW_HOME.
    """

    exit_code: int
    output: str
    home: Path

    @property
    def database(self) -> Path:
        """The run's metadata database."""
        return self.home / "airflow.db"

    def run_state(self) -> str:
        """Return the run's state."""
        return str(self._rows("select state from dag_run")[0][0])

    def times(self) -> tuple[datetime, datetime]:
        """Return when the run began and ended."""
        began, ended = self._rows("select start_date, end_date from dag_run")[0]
        return datetime.fromisoformat(began), datetime.fromisoformat(ended)

    def task_states(self) -> dict[tuple[str, int], str | None]:
        """Return the state of each task instance by task id and map index, -1 where it is not mapped."""
        return {
            (task, index): state
            for task, index, state in self._rows("select task_id, map_index, state from task_instance")
        }

    def tries(self, task_id: str) -> int:
        """Return how often a task was tried."""
        return int(self._rows("select try_number from task_instance where task_id = ?", task_id)[0][0])

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return a value that a task has published.

        :raises LookupError: there is none.
        """
        query = "select value from xcom where task_id = ? and key = ? and map_index = ?"
        rows = self._rows(query, task_id, key, map_index)
        if not rows:
            raise LookupError(f"{task_id} has published no {key}")
        return json.loads(rows[0][0])

    def params(self, dag_id: str) -> dict[str, Any]:
        """Return a DAG's params as the trigger form has them: by name, with default and rules."""
        dags = [json.loads(row[0])["dag"] for row in self._rows("select data from serialized_dag")]
        [dag] = [one for one in dags if one["dag_id"] == dag_id]
        return {
            name: {"default": param["default"], **param["schema"]["__var"]} for name, param in dag["params"]
        }

    def task_log(self, task_id: str, map_index: int = -1) -> str:
        """Return what was printed while a task ran, all its tries together."""
        return "\n".join(self._lines_of(task_id, map_index))

    def _lines_of(self, task_id: str, map_index: int) -> Iterator[str]:
        inside = False
        for line in self.output.splitlines():
            begin, end = _BEGIN.search(line), _END.search(line)
            mark = begin or end
            if mark is not None and (mark["task"], int(mark["index"])) == (task_id, map_index):
                inside = begin is not None
            elif inside:
                yield line

    def _rows(self, query: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, values).fetchall()

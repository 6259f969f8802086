"""Airflow's REST API, as far as the tests use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

Json = dict[str, Any]

PAGE = 100
"""Entries that Airflow's API tells at once, at most."""


class AirflowApi:
    """A client that logs in by itself where everybody is an admin.

    :param url: of the api-server, without ``/api/v2``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def call(self, method: str, path: str, timeout: float = 30.0, **options: Any) -> Json:
        """Call the API.

        :param path: after ``/api/v2/``.
        :param timeout: seconds.
        :param options: as those of ``requests.request``.
        :returns: the answer's JSON, empty if it has none.
        :raises requests.HTTPError: a refusal; the message has the answer's text.
        """
        if "Authorization" not in self._session.headers:
            self._log_in(timeout)
        response = self._session.request(method, f"{self.url}/api/v2/{path}", timeout=timeout, **options)
        if not response.ok:
            raise requests.HTTPError(
                f"{method} {path}: {response.status_code} {response.text}", response=response
            )
        answer: Json = response.json() if response.content else {}
        return answer

    def _log_in(self, timeout: float) -> None:
        response = self._session.get(f"{self.url}/auth/token", timeout=timeout)
        response.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def health(self) -> dict[str, str | None]:
        """Return the state of each component, None for one that has never been up."""
        response = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5)
        response.raise_for_status()
        return {name: part["status"] for name, part in response.json().items() if part}

    def dag_exists(self, dag_id: str) -> bool:
        """Say whether the dag-processor has found that DAG."""
        return any(
            dag["dag_id"] == dag_id for dag in self.call("GET", f"dags?dag_id_pattern={dag_id}")["dags"]
        )

    def import_errors(self) -> list[Json]:
        """Return what keeps DAG files from being read."""
        errors: list[Json] = self.call("GET", "importErrors")["import_errors"]
        return errors

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run and return its run_id.

        :param conf: values of the DAG's params.
        """
        body = {"logical_date": None, "conf": dict(conf or {})}
        run_id: str = self.call("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def run(self, dag_id: str, run_id: str) -> Json:
        """Return all that the API knows about a run."""
        return self.call("GET", run_path(dag_id, run_id))

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self.run(dag_id, run_id)["state"])

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run ``failed`` or ``success``, as a click in the UI does."""
        self.call("PATCH", run_path(dag_id, run_id), json={"state": state})

    def fail_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task failed, as a click in the UI does; its processes are ended.

        All instances of a mapped task are marked by one call: each call clears what has failed downstream of
        it, so that a second one would set tasks going again that the first one has ended.
        """
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}"
        self.call("PATCH", path, json={"new_state": "failed"})

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the run's task instances, mapped ones one by one."""
        return self._all(f"{run_path(dag_id, run_id)}/taskInstances", "task_instances")

    def task_states(self, dag_id: str, run_id: str) -> dict[tuple[str, int], str | None]:
        """Return the state of each task instance by task id and map index, -1 where it is not mapped."""
        instances = self.task_instances(dag_id, run_id)
        return {(one["task_id"], one["map_index"]): one["state"] for one in instances}

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1, map_index: int = -1) -> str:
        """Return one attempt's log, a line an event; an exception's message follows its event.

        :param attempt: the try's number, from 1.
        """
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{attempt}"
        answer = self.call("GET", path, params={"map_index": map_index, "full_content": True})
        return "\n".join(text for line in answer["content"] for text in log_lines(line))

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return a value that a task has published."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path, params={"map_index": map_index})["value"]

    def xcoms(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the keys of all that the run's tasks have published."""
        return self._all(f"{run_path(dag_id, run_id)}/taskInstances/~/xcomEntries", "xcom_entries")

    def _all(self, path: str, name: str) -> list[Json]:
        """Return all entries of a collection, page by page: more than a hundred are never told at once."""
        entries: list[Json] = []
        while True:
            page = self.call("GET", path, params={"limit": PAGE, "offset": len(entries)})
            entries += page[name]
            if not page[name] or len(entries) >= page["total_entries"]:
                return entries

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str], downstream: bool = False) -> None:
        """Let tasks run again.

        :param downstream: whether those after them run again as well.
        """
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "include_downstream": downstream,
            "reset_dag_runs": True,
        }
        self.call("POST", f"dags/{dag_id}/clearTaskInstances", json=body)


def log_lines(line: Json | str) -> list[str]:
    """Return an entry of a log as the UI shows it, without tracebacks."""
    if isinstance(line, str):
        return [line]
    return [str(line["event"]), *(str(error["exc_value"]) for error in line.get("error_detail") or ())]


def run_path(dag_id: str, run_id: str) -> str:
    """Return the API's path of a run, whose id may hold any character."""
    return f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"

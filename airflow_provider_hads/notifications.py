"""What a run tells people, through Airflow's own notifiers.

Three events: ``deadline``, the run's deadline has come and the run has not ended, as Airflow's scheduler sees
it; ``miss``, the controller is certain that the deadline can't be met; ``end``, the run has ended.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import InputError

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context
    from airflow.sdk.definitions.deadline import DeadlineAlert

__all__ = ["EVENTS", "NotifierChoice", "deadline_alert", "notify", "read_notifiers", "tell_of_deadline"]

log = logging.getLogger(__name__)

EVENTS = ("deadline", "miss", "end")


@dataclass(frozen=True)
class NotifierChoice:
    """A notifier that is to be used: any ``BaseNotifier`` that can be imported.

    :param classpath: for example ``airflow.providers.smtp.notifications.smtp.SmtpNotifier``.
    :param kwargs: its arguments, JSON-able. In those that it renders, ``hads`` is what has happened:
        ``hads.text`` is one line, ``hads.event``, ``hads.dag_id`` and ``hads.run_id`` are always there.
        Credentials belong into a connection.
    :param events: what it is used for, some of :data:`EVENTS`.
    """

    classpath: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[str] = EVENTS

    def make(self) -> BaseNotifier:
        """Make the notifier.

        :raises ImportError: there is no such module.
        :raises AttributeError: there is no such class in it.
        """
        module, _, name = self.classpath.rpartition(".")
        notifier: BaseNotifier = getattr(import_module(module), name)(**self.kwargs)
        return notifier


def read_notifiers(text: str) -> tuple[NotifierChoice, ...]:
    """Read ``[hads] notifiers``: a JSON list of objects with ``classpath``, ``kwargs`` and ``events``.

    :param text: empty for none.
    :raises InputError: it is something else.
    """
    if not text.strip():
        return ()
    try:
        choices = tuple(NotifierChoice(**entry) for entry in json.loads(text))
    except (ValueError, TypeError) as error:
        problem = (
            f'{error}; give a JSON list like [{{"classpath": "...", "kwargs": {{}}, "events": ["miss"]}}]'
        )
        raise InputError("airflow.cfg", "hads.notifiers", problem) from error
    for choice in choices:
        problem = _problem_of(choice)
        if problem:
            raise InputError("airflow.cfg", "hads.notifiers", problem)
    return choices


def _problem_of(choice: NotifierChoice) -> str:
    """Say what is wrong with a choice that was read from JSON; nothing, if nothing is."""
    classpath, kwargs, events = choice.classpath, choice.kwargs, choice.events
    if not isinstance(classpath, str) or "." not in classpath.strip("."):
        return f"classpath {json.dumps(classpath)} names no class; give module.Class"
    if not isinstance(kwargs, dict):
        return f"kwargs {json.dumps(kwargs)} of {classpath} is no object; give its arguments by name"
    if not isinstance(events, list | tuple):
        return f"events {json.dumps(events)} of {classpath} is no list; choose some of {', '.join(EVENTS)}"
    unknown = [event for event in events if event not in EVENTS]
    return f"there is no event {unknown[0]!r}; choose some of {', '.join(EVENTS)}" if unknown else ""


def notify(choices: Iterable[NotifierChoice], event: str, context: Context, text: str, **facts: Any) -> None:
    """Use the notifiers of an event; one that fails is logged, and stops neither the others nor the run.

    :param text: what has happened, one line.
    :param facts: what else templates can use, below ``hads``.
    """
    ti = context["ti"]
    told = {"event": event, "text": text, "dag_id": ti.dag_id, "run_id": ti.run_id, **facts}
    for choice in _of_event(choices, event):
        try:
            choice.make()({**context, "hads": told})
        except Exception:  # a notifier is somebody else's code
            log.exception("The notifier %s has failed", choice.classpath)
        else:
            log.info("Told through %s: %s", choice.classpath, text)


def deadline_alert(choices: Iterable[NotifierChoice], default_deadline: float | None) -> DeadlineAlert | None:
    """Return the alert for a generated DAG; None where no notifier is for it.

    :param default_deadline: seconds; what the DAG's param says where a run's trigger does not.
    """
    from airflow.sdk.definitions.callback import AsyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert

    from airflow_provider_hads.deadline_reference import RunDeadline

    own = [asdict(choice) for choice in _of_event(choices, "deadline")]
    if not own:
        return None
    return DeadlineAlert(
        reference=RunDeadline(default_deadline),
        interval=timedelta(0),
        callback=AsyncCallback(tell_of_deadline, {"notifiers": own}),
    )


async def tell_of_deadline(notifiers: Sequence[Mapping[str, Any]], context: Mapping[str, Any]) -> None:
    """Use notifiers when a run's deadline has come; Airflow's triggerer calls this.

    :param notifiers: choices in JSON's terms.
    :param context: what Airflow tells a callback: ``dag_run`` and ``deadline``.
    """
    run = context["dag_run"]
    text = f"Run {run['dag_run_id']} of {run['dag_id']} has not ended by its deadline"
    told = {"event": "deadline", "text": text, "dag_id": run["dag_id"], "run_id": run["dag_run_id"]}
    for entry in notifiers:
        notifier = NotifierChoice(**entry).make()
        await _call(notifier, {**context, "hads": told})
        log.info("Told through %s: %s", entry["classpath"], text)


async def _call(notifier: BaseNotifier, context: Any) -> None:
    """Call a notifier in the triggerer, also one that only knows how to block."""
    from airflow.sdk import BaseNotifier

    from airflow_provider_hads.triggers.threads import in_thread

    if type(notifier).async_notify is BaseNotifier.async_notify:
        await in_thread(notifier, context)
        return
    notifier.context = context
    await notifier


def _of_event(choices: Iterable[NotifierChoice], event: str) -> list[NotifierChoice]:
    return [choice for choice in choices if event in choice.events]

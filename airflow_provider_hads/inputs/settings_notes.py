"""What the user should know about a ``setup.cfg`` that is right, but does not all do what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_hads.control.policies import FOLLOW_PLAN
from airflow_provider_hads.inputs.settings_keys import UNUSED
from airflow_provider_hads.model.settings import LONGEST_LOOK_INTERVAL

__all__ = ["settings_notes"]

_NO = ("no", "false", "off", "0")
_NOT_YET = {
    "ec2": (("hibernation_overhead",), "nothing is planned with resumed VMs"),
    "checkpoint": (("period", "overhead_factor"), "checkpoints are not taken"),
}
_ILS_KEYS = ("burstable_factor", "max_iteration")
_CYCLE_KEYS = ("ac_size_seconds", "idle_slack_time")
_CYCLE_POLICIES = ("hads", "burst-hads")


def settings_notes(
    sections: Mapping[str, Mapping[str, str]], values: Mapping[str, Mapping[str, Any]], file: str
) -> Iterator[str]:
    """Yield one line for each group of keys that have no effect, or another than is written there.

    No line repeats the value of a key that has no effect: it may be a secret.

    :param sections: the text of all keys.
    :param values: the converted values of those that have an effect.
    """
    for section, keys in sections.items():
        empty = [key for key, value in keys.items() if not value]
        if empty:
            yield f"{file}: [{section}] {', '.join(empty)}: no value: taken as not set"
        for reason, names in _by_reason(section, keys).items():
            yield f"{file}: [{section}] {', '.join(names)}: no effect: {reason}"
    if values["checkpoint"].get("with_checkpoint"):
        yield f"{file}: [checkpoint] with_checkpoint: checkpoints are not taken yet: a lost task starts again"
    yield from _for_others(values, file)
    for section, (unread, reason) in _NOT_YET.items():
        names = [key for key in unread if key in values[section]]
        if names:
            yield f"{file}: [{section}] {', '.join(names)}: no effect yet: {reason}"
    if "tag_value" in values["ec2"] and "tag_key" not in values["ec2"]:
        yield f"{file}: [ec2] tag_value: no effect: there is no tag_key"
    yield from _too_seldom(values["scheduler"], file)


def _too_seldom(scheduler: Mapping[str, Any], file: str) -> Iterator[str]:
    """Yield a line where the VMs would be looked at less often than a run can afford."""
    given = scheduler.get("status_update_time", 0.0)
    if given > LONGEST_LOOK_INTERVAL:
        instead = f"a run looks at its VMs every {LONGEST_LOOK_INTERVAL:g} s"
        yield f"{file}: [scheduler] status_update_time: {given:g} s would be too late for losses: {instead}"


def _for_others(values: Mapping[str, Mapping[str, Any]], file: str) -> Iterator[str]:
    """Yield a line for keys that another planner or policy would look at."""
    scheduler = values["scheduler"]
    names = [key for key in _ILS_KEYS if key in scheduler]
    if names and scheduler.get("name") != "ils":
        yield f"{file}: [scheduler] {', '.join(names)}: no effect: only the planner ils looks at them"
    if "alpha" in scheduler and scheduler.get("name") != "ils":
        only = "only the planner ils looks at it, and others where the objective weighted is chosen"
        yield f"{file}: [scheduler] alpha: no effect: {only}"
    if "reaction" in scheduler and scheduler.get("policy") == FOLLOW_PLAN:
        only = (
            f"the policy {FOLLOW_PLAN} answers no loss; a plan that is made leaves it, a given one does not"
        )
        yield f"{file}: [scheduler] reaction: no effect while the run goes on: {only}"
    names = [key for key in _CYCLE_KEYS if key in values["input"]]
    if names and scheduler.get("policy") not in _CYCLE_POLICIES:
        only = " and ".join(_CYCLE_POLICIES)
        yield f"{file}: [input] {', '.join(names)}: no effect: only the policies {only} keep idle VMs"


def _by_reason(section: str, keys: Mapping[str, str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for key, reason in UNUSED.get(section, {}).items():
        if keys.get(key) and not _switched_off(key, keys[key]):
            names.setdefault(reason, []).append(key)
    return names


def _switched_off(key: str, value: str) -> bool:
    """Say whether a switch is off, so that the absence of the feature makes no difference."""
    return key in ("with_simulation", "with_dump", "debug_mode") and value.lower() in _NO

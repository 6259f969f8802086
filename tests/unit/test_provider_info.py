"""What Airflow is told about this provider is in Airflow's form, and is there."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from importlib import resources

import jsonschema
import pytest

from airflow_provider_hads.configuration import Configuration
from airflow_provider_hads.get_provider_info import get_provider_info

INFO = get_provider_info()


def modules() -> Iterator[str]:
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            yield from entry["python-modules"]


def test_it_fits_airflows_schema() -> None:
    schema = resources.files("airflow").joinpath("provider_info.schema.json").read_text()

    jsonschema.validate(INFO, json.loads(schema))


@pytest.mark.parametrize("name", list(modules()))
def test_every_module_is_there_and_says_what_is_public(name: str) -> None:
    assert importlib.import_module(name).__all__


@pytest.mark.parametrize("path", [*INFO["cli"], *(plugin["plugin-class"] for plugin in INFO["plugins"])])
def test_every_object_is_there(path: str) -> None:
    module, _, name = path.rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))


def test_every_option_that_is_read_is_told_of_and_no_other() -> None:
    assert sorted(INFO["config"]["hads"]["options"]) == sorted(Configuration.__dataclass_fields__)

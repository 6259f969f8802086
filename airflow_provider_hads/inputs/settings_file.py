"""``setup.cfg``: every key is honoured, noted as without effect, or refused."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.inputs.document import shown
from airflow_provider_hads.inputs.settings_keys import HONOURED, known_keys
from airflow_provider_hads.inputs.settings_notes import settings_notes
from airflow_provider_hads.inputs.validation import suggestion
from airflow_provider_hads.model.settings import (
    ApplicationSettings,
    CheckpointSettings,
    CommunicationSettings,
    DockerSettings,
    Ec2Settings,
    FileSystemSettings,
    InputSettings,
    SchedulerSettings,
    Settings,
)

__all__ = ["parse_settings"]

_SECTIONS: Mapping[str, type[Any]] = {
    "ec2": Ec2Settings,
    "input": InputSettings,
    "application": ApplicationSettings,
    "communication": CommunicationSettings,
    "docker": DockerSettings,
    "file_system": FileSystemSettings,
    "scheduler": SchedulerSettings,
    "checkpoint": CheckpointSettings,
}
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[^}]*)\}|(?P<bare>\w+))", re.ASCII)
_SECRET = re.compile(r"^AIRFLOW_(?!HOME$)|SECRET|TOKEN|PASSW|CREDENTIAL|PRIVATE", re.IGNORECASE)
_NO_DEFAULT_SECTION = "\0"

Sections = dict[str, dict[str, str]]


def parse_settings(text: str, file: str, environ: Mapping[str, str]) -> Settings:
    """Read a ``setup.cfg``.

    ``$NAME`` and ``${NAME}`` are replaced in the keys that have an effect; a key without a value is noted,
    and taken as not set. Relative paths are left as they are.

    :param text: content of the file.
    :param file: its name, for messages.
    :param environ: the environment variables.
    :raises InputErrors: all that is wrong with it.
    """
    sections = _read_sections(text.removeprefix("\ufeff"), file)
    errors = list(_unknown_keys(sections, file))
    values = {section: _values(section, sections, file, environ, errors) for section in HONOURED}
    errors.extend(_inconsistencies(values, file))
    if errors:
        raise InputErrors(errors)
    if "user" in values["communication"]:
        values["ec2"]["vm_user"] = values["communication"]["user"]
    parts: dict[str, Any] = {section: _SECTIONS[section](**values[section]) for section in HONOURED}
    return Settings(**parts, notes=tuple(settings_notes(sections, values, file)))


def _read_sections(text: str, file: str) -> Sections:
    parser = configparser.ConfigParser(interpolation=None, default_section=_NO_DEFAULT_SECTION)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise InputErrors(list(_syntax_errors(error, file))) from None
    return {name: dict(parser[name]) for name in parser.sections()}


def _syntax_errors(error: configparser.Error, file: str) -> Iterator[InputError]:
    """Yield a line for each syntax error; the text itself is not repeated, it may be a secret."""
    if isinstance(error, configparser.DuplicateOptionError):
        where = f"line {error.lineno}"
        yield InputError(file, f"{error.section}.{error.option}", f"{where} gives this key again; keep one")
    elif isinstance(error, configparser.DuplicateSectionError):
        problem = f"line {error.lineno} begins this section again; put its keys into the first"
        yield InputError(file, f"[{error.section}]", problem)
    elif isinstance(error, configparser.MissingSectionHeaderError):
        yield InputError(file, f"line {error.lineno}", "a key stands before the first section, such as [ec2]")
    elif isinstance(error, configparser.ParsingError):
        for lineno, _ in error.errors:
            yield InputError(file, f"line {lineno}", "this is no section, comment or 'key = value'")
    else:
        yield InputError(file, "", "this is no configuration file of sections and keys")


def _unknown_keys(sections: Sections, file: str) -> Iterator[InputError]:
    known = known_keys()
    for section, keys in sections.items():
        if section not in known:
            hint = suggestion(section, list(known)) or f"known are {', '.join(known)}"
            yield InputError(file, f"[{_plain(section)}]", f"unknown section; {hint}")
            continue
        for key in keys:
            if key not in known[section]:
                hint = _hint(key, section, known)
                yield InputError(file, f"{section}.{_plain(key)}", f"unknown key; {hint}")


def _hint(key: str, section: str, known: dict[str, list[str]]) -> str:
    homes = [f"[{other}]" for other, keys in known.items() if key in keys]
    if homes:
        return f"it belongs into {' or '.join(homes)}"
    return suggestion(key, known[section]) or "remove it"


def _plain(name: str) -> str:
    return name if name.isascii() and name.isprintable() else shown(name)


def _values(
    section: str, sections: Sections, file: str, environ: Mapping[str, str], errors: list[InputError]
) -> dict[str, Any]:
    """Return the section's converted values; what can't be converted is added to the errors."""
    values: dict[str, Any] = {}
    for key, raw in sections.get(section, {}).items():
        converter = HONOURED[section].get(key)
        if converter is None or not raw:
            continue
        try:
            written = _expanded(_one_value(raw), environ)
        except ValueError as error:
            errors.append(InputError(file, f"{section}.{key}", str(error)))
            continue
        try:
            values[key] = converter(written)
        except ValueError as error:
            with_variables = " (with its environment variables)" if written != raw else ""
            problem = f"{shown(raw)}{with_variables} is not right; it must be {error}"
            errors.append(InputError(file, f"{section}.{key}", problem))
    return values


def _one_value(raw: str) -> str:
    """Return the text of a value.

    :raises ValueError: it is quoted, commented, or spans lines.
    """
    if "\n" in raw:
        raise ValueError("the value spans several lines; write it on one, and start each key in column 1")
    if not raw.isprintable():
        raise ValueError(f"{shown(raw)} has a character that can't be printed; remove it")
    if re.search(r"(^|\s)[#;]", raw):
        raise ValueError(f"{shown(raw)} has a comment after the value; give comments a line of their own")
    if raw[0] == raw[-1] and raw[0] in "\"'":
        raise ValueError(f"{shown(raw)} is quoted; write the value without quotes")
    return raw


def _expanded(raw: str, environ: Mapping[str, str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"] or ""
        if _SECRET.search(name):
            raise ValueError(
                f"{shown(raw)} names the environment variable '{name}', which may hold a secret: what is set "
                "here can be read by others; use another variable"
            )
        if name not in environ:
            raise ValueError(
                f"{shown(raw)} names the environment variable '{name}', which is not set; set it"
            )
        return environ[name]

    written = _VARIABLE.sub(replaced, raw)
    if not written or not written.isprintable():
        raise ValueError(
            f"{shown(raw)} becomes empty, or not printable, by its environment variables; set them right"
        )
    return written


def _inconsistencies(values: dict[str, dict[str, Any]], file: str) -> Iterator[InputError]:
    communication, ec2 = values["communication"], values["ec2"]
    for given, absent in (("key_path", "key_file"), ("key_file", "key_path")):
        if given in communication and absent not in communication:
            problem = (
                f"{given} is given without {absent}; give both (folder and file), or use an SSH connection"
            )
            yield InputError(file, f"communication.{absent}", problem)
    user, vm_user = communication.get("user"), ec2.get("vm_user")
    if user and vm_user and user != vm_user:
        problem = f"{shown(user)} is another user than {shown(vm_user)} in section [ec2], vm_user; give one"
        yield InputError(file, "communication.user", problem)
    region, zone = ec2.get("region"), ec2.get("zone")
    if region and zone and not _is_in(zone, region):
        yield InputError(file, "ec2.zone", f"{shown(zone)} is not in the region {shown(region)}")
    yield from _zones(ec2, file)
    yield from _groups_by_name(ec2, file)


def _zones(ec2: dict[str, Any], file: str) -> Iterator[InputError]:
    """Yield an error for zones to choose from that are elsewhere, or where there is nothing to choose."""
    zones, region = ec2.get("zones", ()), ec2.get("region")
    for zone in zones:
        if region and not _is_in(zone, region):
            yield InputError(file, "ec2.zones", f"{shown(zone)} is not in the region {shown(region)}")
    for key in ("zone", "subnet_id"):
        if zones and key in ec2:
            yield InputError(file, "ec2.zones", f"{key} is in one zone; give {key} or zones")


def _is_in(zone: str, region: str) -> bool:
    """Say whether a zone's name is one of the region's: us-east-10a is not in us-east-1."""
    return zone.startswith(region) and not zone[len(region) :][:1].isdigit()


def _groups_by_name(ec2: dict[str, Any], file: str) -> Iterator[InputError]:
    """Yield an error for a security group's name where EC2 takes ids only; no VM could be launched."""
    groups = {key: ec2[key] for key in ("security_group", "security_vpc_group") if key in ec2}
    names = {key: group for key, group in groups.items() if not group.startswith("sg-")}
    beside = ["subnet_id"] if "subnet_id" in ec2 else [key for key in groups if key not in names]
    if not beside:
        return
    for key, name in names.items():
        problem = f"{shown(name)} is a name; with {beside[0]}, EC2 takes ids only: give the group's, sg-..."
        yield InputError(file, f"ec2.{key}", problem)

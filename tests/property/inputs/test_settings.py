"""Whatever ``setup.cfg`` holds: it loads, or InputErrors says what is wrong, each on one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import parse_settings, settings_from_json, settings_to_json
from airflow_provider_hads.inputs.settings_keys import known_keys
from airflow_provider_hads.model.settings import Settings

ENVIRON = {"FULL": "us-east-1", "EMPTY": "", "LINES": "a\nb"}
KEYS = [(section, key) for section, keys in known_keys().items() for key in keys]
WORDS = [
    "10",
    "-1",
    "1e5",
    "yes",
    "no",
    "s3",
    "cc",
    "$FULL",
    "$NONE",
    "${EMPTY}",
    "$LINES",
    "/a",
    "a b ; c",
    '"',
]
VALUES = st.sampled_from(WORDS) | st.text(max_size=12)


def loads_or_says_why(text: str) -> None:
    problems: InputErrors | None = None
    try:
        settings = parse_settings(text, "setup.cfg", ENVIRON)
        assert settings_from_json(settings_to_json(settings)) == settings
    except InputErrors as error:
        problems = error
    if problems is not None:
        lines = str(problems).splitlines()
        assert len(lines) == len(problems.errors) > 0
        assert all(line.isascii() and line.isprintable() for line in lines)


@given(st.text())
def test_any_text(text: str) -> None:
    loads_or_says_why(text)


@given(st.text(alphabet="[]=:;#$%{}ec2 region\n\t\r\\\"'\0\ufeff\u2028"))
def test_text_of_the_characters_that_matter(text: str) -> None:
    loads_or_says_why(text)


@given(st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=6))
def test_known_keys_with_any_values(entries: list[tuple[tuple[str, str], str]]) -> None:
    sections: dict[str, list[str]] = {}
    for (section, key), value in entries:
        sections.setdefault(section, []).append(f"{key} = {value}")
    loads_or_says_why("\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items()))


@given(st.sampled_from(KEYS), VALUES)
def test_a_known_key_is_never_passed_over(key: tuple[str, str], value: str) -> None:
    """It changes a setting to what was written, has a note, or is refused."""
    section, name = key
    if value.strip()[:1] in ("#", ";"):
        return
    text = f"[{section}]\n{name} = {value.strip()}"
    try:
        settings = parse_settings(text, "setup.cfg", ENVIRON)
    except InputErrors:
        return
    switched_off = value.strip().lower() in ("no", "false", "off", "0")
    part = getattr(settings, section, None)
    assert settings.notes or hasattr(part, name) or switched_off
    assert hasattr(part, name) or settings == Settings(notes=settings.notes)

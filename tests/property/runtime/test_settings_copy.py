"""Whatever configparser makes of a ``setup.cfg``: the copy has all of it but the credentials."""

from __future__ import annotations

from configparser import ConfigParser, Error

from hypothesis import assume, example, given
from hypothesis import strategies as st

from airflow_provider_hads.runtime.settings_copy import without_credentials

CREDENTIALS = ("aws_access_key", "aws_access_key_id", "password", "pwd_mail")
KEYS = st.sampled_from(["aws_access_key", "Aws_Access_\u212aey_ID", "PASSWORD", "pwd_mail", "host", "user"])
SPACE = st.text("  \t\v\f\r\x1c\x1f\x85\xa0\u2003\u3000", max_size=3)
STARTS = st.sampled_from(["", "", "", "# ", ";", "[", "[x]", "[a", "]", "=", ": "])
VALUES = st.builds("{}{}{}".format, SPACE, STARTS, SPACE)
LINES = st.one_of(
    st.builds("{}{}{}{}{}@".format, SPACE, KEYS, SPACE, st.sampled_from("=:"), VALUES),
    st.builds("{}{}@".format, SPACE, STARTS),
    st.builds("{}[{}]{}".format, SPACE, st.sampled_from(["ec2", "database", "x"]), VALUES),
    SPACE,
)
"""Lines in which @ stands for a word of their own, the same in no other line."""


def parsed(text: str) -> dict[str, dict[str, str]]:
    parser = ConfigParser(interpolation=None, default_section="\0")
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def names_a_credential(value: str) -> bool:
    return any(key in value.lower() for key in CREDENTIALS)


@given(st.lists(LINES, max_size=8))
@example(["password=@", "", "# @", "  @", "host=@"])
@example(["  host = @", " password = @", "   host = @"])
@example(["host = @", "   [x] password = @"])
def test_a_copy_has_all_but_the_credentials(lines: list[str]) -> None:
    words = [f"word-{number}-" for number in range(len(lines))]
    body = "\n".join(line.replace("@", word) for line, word in zip(lines, words, strict=True))
    text = f"[ec2]\n{body}"
    try:
        original = parsed(text)
    except Error:
        assume(False)

    copy = without_credentials(text.encode()).decode()

    hidden = [keys.get(key, "") for keys in original.values() for key in CREDENTIALS]
    assert not [word for word in words for value in hidden if word in value and word in copy]
    found = parsed(copy)
    assert {name: set(keys) - {*CREDENTIALS} for name, keys in original.items()} == {
        name: set(keys) for name, keys in found.items()
    }
    assert all(
        found[name][key] == value
        for name, keys in original.items()
        for key, value in keys.items()
        if key not in CREDENTIALS and not names_a_credential(value)
    )

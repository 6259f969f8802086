"""What must hold for every VM's user data."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from airflow_provider_hads.cloud.host_keys import HostKey
from airflow_provider_hads.cloud.user_data import HEADER, USER_DATA_LIMIT, make_user_data
from airflow_provider_hads.exceptions import InputError

yaml = pytest.importorskip("yaml")  # comes with Airflow; without type information

USERS = st.from_regex(r"[a-z_][a-z0-9_-]{0,31}", fullmatch=True)
PUBLIC_KEYS = st.from_regex(
    r"(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]{20,400}={0,2}( [!-~]{1,40})?", fullmatch=True
)
PEM = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"), max_size=500)
HOST_KEYS = st.builds(HostKey, PUBLIC_KEYS, PEM)
MOMENTS = st.floats(1e9, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, timezone.utc))
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKEN",
}


@given(USERS, st.lists(PUBLIC_KEYS, max_size=5), HOST_KEYS, MOMENTS)
def test_it_is_json_below_the_header_that_yaml_reads_alike_and_short_enough(
    user: str, keys: list[str], host_key: HostKey, expires_at: datetime
) -> None:
    text = make_user_data(user, keys, host_key, expires_at)

    assert text.startswith(HEADER)
    body = text[len(HEADER) :]
    document = json.loads(body)
    # cloud-init reads YAML.
    assert yaml.safe_load(body) == document
    assert document["ssh_keys"]["ed25519_private"] == host_key.private
    assert len(text.encode()) <= USER_DATA_LIMIT


@given(USERS, st.lists(PUBLIC_KEYS, max_size=5), HOST_KEYS, MOMENTS)
def test_it_holds_no_credential_of_the_account(
    user: str, keys: list[str], host_key: HostKey, expires_at: datetime
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        text = make_user_data(user, keys, host_key, expires_at)

    assert not [name for name, value in SECRETS.items() if value in text or name.lower() in text.lower()]


@given(st.integers(0, 200), PUBLIC_KEYS, HOST_KEYS, MOMENTS)
def test_it_is_refused_or_short_enough(count: int, key: str, host_key: HostKey, expires_at: datetime) -> None:
    try:
        size = len(make_user_data("worker", [key] * count, host_key, expires_at).encode())
    except InputError as error:
        event(f"refused: {error.problem[-20:]}")
        size = 0
    assert size <= USER_DATA_LIMIT

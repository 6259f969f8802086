"""What of a job's files is copied into its run."""

from __future__ import annotations

import configparser

import pytest

from airflow_provider_hads.runtime.opening import without_credentials


@pytest.mark.parametrize(
    "written",
    [
        "[database]\npassword = hunter2\nhost = db\n",
        "[database]\nPASSWORD:hunter2\nhost = db\n",
        "[database]\npassword =\n  hunter2\n\n  hunter2\nhost = db\n",
        "[database]\r\npassword = a\r\n\thunter2\r\nhost = db\r\n",
        "[database]\n  password = hunter2\n    hunter2\n  host = db\n",
        "[ec2]\naws_access_key_id = hunter2\n[database]\nhost = db\n",
        "[notify]\npwd_mail = hunter2\n[database]\nhost = db\n",
    ],
)
def test_credentials_are_not_copied_and_all_else_is(written: str) -> None:
    copied = without_credentials(written.encode()).decode()

    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(copied)
    assert "hunter2" not in copied
    assert "(removed)" in copied
    assert parser["database"]["host"] == "db"

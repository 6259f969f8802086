"""What of a job's ``setup.cfg`` is copied into its run."""

from __future__ import annotations

import configparser

import pytest

from airflow_provider_hads.runtime.settings_copy import without_credentials


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
        "[ec2]\naws_access_key =\n# comment\n    hunter2\n[database]\nhost = db\n",
        "[ec2]\n aws_access_key = a\n\t\thunter2\n[database]\nhost = db\n",
        "[ec2]\n\faws_access_key = hunter2\n[database]\nhost = db\n",
        "[ec2]\naws_access_key\v= hunter2\n[database]\nhost = db\n",
        "[ec2]\naws_access_\u212aey = a\n\u3000hunter2\n[database]\nhost = db\n",
        "[ec2]\n# aws_access_key = hunter2\n[database]\nhost = db\n",
        "[ec2]\n# aws_secret_access_key = hunter2\n[database]\nhost = db\n",
        "[ec2]\n; AWS_SESSION_TOKEN: hunter2\n[database]\nhost = db\n",
        "[ec2]\n#secretAccessKey=hunter2\n[database]\nhost = db\n",
        "[ec2]\n# the password is hunter2\n[database]\nhost = db\n",
        "[ec2]\n; Secret hunter2, since May\n[database]\nhost = db\n",
        "[ec2] password = hunter2\n[database]\nhost = db\n# (removed)",
        "\ufeff[database]: x\n  password = hunter2\n  host = db\n",
    ],
)
def test_credentials_are_not_copied_and_all_else_is(written: str) -> None:
    copied = without_credentials(written.encode()).decode()

    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(copied)
    assert "hunter2" not in copied
    assert "(removed)" in copied
    assert parser["database"]["host"] == "db"


@pytest.mark.parametrize(
    "written",
    [
        "# The job's own words.\n[ec2]\n\ntag_key = password\ntag_value = a\n  b\n\n; end",
        "[database]\r\nhost = db\r\n",
        "no settings \udcff at all",
        "",
    ],
)
def test_a_text_without_credentials_is_copied_as_it_is(written: str) -> None:
    text = written.encode("utf-8", "surrogateescape")
    assert without_credentials(text) == text

"""What the runner tells of an answer that is no success."""

from __future__ import annotations

import pytest

from airflow_provider_hads.vm.runner.web import HttpError

S3 = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><RequestId>1</RequestId>
</Error>"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (S3, "HTTP 404: NoSuchBucket: The specified bucket does not exist"),
        ("<Error><Code>SlowDown</Code></Error>", "HTTP 404: SlowDown"),
        ("no such\n  page", "HTTP 404: no such page"),
        ("x" * 1000, f"HTTP 404: {'x' * 400}"),
    ],
)
def test_an_error_is_told_in_one_line(text: str, told: str) -> None:
    assert str(HttpError(404, text)) == told

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from airflow_provider_hads.vm.runner.results import changed_files, explain_exit, keep_end, last_line


def test_results_are_what_is_new_or_changed(tmp_path: Path) -> None:
    for name, content in (("same", b"1"), ("changed", b"2"), ("deep/er/new", b"3"), ("empty", b"")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    staged = {"same": hashlib.sha256(b"1").hexdigest(), "changed": hashlib.sha256(b"1").hexdigest()}
    files, notes = changed_files(tmp_path, staged)
    assert sorted(file["path"] for file in files) == ["changed", "deep/er/new", "empty"]
    assert {"path": "changed", "sha256": hashlib.sha256(b"2").hexdigest(), "size": 1} in files
    assert notes == []


def test_what_is_no_regular_file_is_left_out_and_said_so(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the VM")
    work = tmp_path / "work"
    work.mkdir()
    (work / "link").symlink_to(outside / "secret")
    (work / "folder").symlink_to(outside)
    os.mkfifo(work / "pipe")
    files, notes = changed_files(work, {})
    assert files == []
    assert notes == [
        "folder: not uploaded: a symbolic link",
        "link: not uploaded: a symbolic link",
        "pipe: not uploaded: not a regular file",
    ]


def test_odd_names_are_fine_unless_no_key_can_have_them(tmp_path: Path) -> None:
    for name in ("a b", "ä ✓", "new\nline", "100%+?#&'\""):
        (tmp_path / name).write_text("x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_text("x")
    files, notes = changed_files(tmp_path, {})
    assert sorted(file["path"] for file in files) == sorted(["a b", "ä ✓", "new\nline", "100%+?#&'\""])
    assert notes == ["\\xff: not uploaded: its name is not UTF-8"]


def test_a_path_longer_than_a_key_is_left_out(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 4)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    files, notes = changed_files(tmp_path, {})
    assert files == []
    assert "too long" in notes[0]


@pytest.mark.parametrize(
    ("blocks", "kept", "cut"),
    [([], b"", False), ([b"abc"], b"abc", False), ([b"abc", b"def"], b"bcdef", True),
     ([b"x" * 100, b"12345"], b"12345", True), ([b"12345"], b"12345", False)],
)  # fmt: skip
def test_the_end_of_a_long_output_is_kept(blocks: list[bytes], kept: bytes, cut: bool) -> None:
    assert keep_end(blocks, limit=5) == (kept, cut)


@pytest.mark.parametrize(
    ("output", "line"),
    [(b"", ""), (b"a\n\n  \n", "a"), (b"first\nlast line", "last line"), (b"\xff\n", "\ufffd")],
)
def test_the_last_line_that_says_something(output: bytes, line: str) -> None:
    assert last_line(output) == line


@pytest.mark.parametrize(
    ("exit_code", "out_of_memory", "output", "explanation"),
    [
        (0, False, b"fine", ""),
        (0, True, b"a child was killed, the task went on", ""),
        (3, False, b"no disk\n", "exit code 3: no disk"),
        (1, False, b"", "exit code 1"),
        (127, False, b"sh: foo: not found\n", "command not found, exit code 127: sh: foo: not found"),
        (137, True, b"", "out of memory: it was killed at the task's limit of 64 MB (exit code 137)"),
    ],
)
def test_an_exit_is_explained(exit_code: int, out_of_memory: bool, output: bytes, explanation: str) -> None:
    assert explain_exit(exit_code, out_of_memory, 64.0, output) == explanation

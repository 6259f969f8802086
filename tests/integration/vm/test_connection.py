"""The kept connection, against a real sshd: what it trusts, and that every wait ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_hads.exceptions import HostKeyMismatch, VmError, VmUnreachable
from airflow_provider_hads.vm.connection import SshAccess, VmConnection

if TYPE_CHECKING:
    from tests.integration.vm.ssh_server import SshServer

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIDLeFEwUpNcYTz8dmf6TyFvLxRLRXvTO24Ew8zAyZbh"

LATE = 20.0
"""Seconds in which every wait has ended, on a busy machine, too; what they wait for would take longer."""


@pytest.fixture
def running(server: SshServer) -> SshServer:
    server.start()
    server.wait()
    return server


def access(server: SshServer, **more: Any) -> SshAccess:
    settings = {"ssh_conn_id": "hads_test_ssh", "user": server.user, "port": server.port, "timeout": 3.0}
    return SshAccess(**{**settings, "tries": 2, "pause": 0.2, **more})


@pytest.fixture
def connection(running: SshServer) -> Iterator[VmConnection]:
    made = VmConnection(access(running), "127.0.0.1", running.host_key)
    yield made
    made.close()


def test_a_command_has_input_output_and_an_exit_code(connection: VmConnection) -> None:
    result = connection.run("cat; echo problem >&2; exit 7", b"\x00input")
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"\x00input", "problem")


def test_much_goes_through_in_both_directions(connection: VmConnection) -> None:
    content = bytes(range(256)) * 20_000
    assert connection.run("cat", content).stdout == content


def test_a_command_need_not_read_its_input(connection: VmConnection) -> None:
    assert connection.run("exit 3", b"x" * 10_000_000).exit_code == 3


def test_one_connection_serves_many_commands(connection: VmConnection, running: SshServer) -> None:
    for _ in range(15):  # more than sshd allows sessions at once
        connection.run("true")
    assert running.log.count("Accepted publickey") == 1


def test_a_broken_connection_is_made_anew(connection: VmConnection, running: SshServer) -> None:
    connection.run("true")
    running.end_sessions()
    time.sleep(0.3)
    assert connection.run("echo again").stdout == b"again\n"


def test_a_command_that_does_not_end_is_given_up(connection: VmConnection) -> None:
    before = time.monotonic()
    with pytest.raises(VmUnreachable, match=r"127.0.0.1: no answer in 1.5 s"):
        connection.run("sleep 60", timeout=1.5)
    assert time.monotonic() - before < LATE
    assert connection.run("echo alive").stdout == b"alive\n"


def test_a_frozen_vm_is_given_up_and_found_again(connection: VmConnection, running: SshServer) -> None:
    connection.run("true")
    running.freeze()
    for _ in range(2):  # once on the kept connection, once connecting
        before = time.monotonic()
        with pytest.raises(VmUnreachable):
            connection.run("true", timeout=2)
        assert time.monotonic() - before < LATE
    running.resume()
    assert connection.run("echo resumed").stdout == b"resumed\n"


def test_a_command_that_hangs_ends_when_its_connection_is_closed(
    connection: VmConnection, running: SshServer
) -> None:
    """As the controller does when the VM is hibernated: it must not wait for it after a resume."""
    connection.run("true")
    began = time.monotonic()
    threading.Timer(0.5, connection.close).start()
    with pytest.raises(VmUnreachable):
        connection.run("sleep 30", timeout=25)
    assert time.monotonic() - began < LATE
    assert connection.run("echo back").stdout == b"back\n"


ECHO = "while read line; do echo $$ $line; done"


def test_a_command_that_goes_on_answers_line_by_line(connection: VmConnection) -> None:
    first, second = (connection.ask(ECHO, line).stdout.split() for line in (b"one", b"two"))
    assert (first[1], second[1]) == (b"one", b"two")
    assert first[0] == second[0]


def test_beside_it_other_commands_are_run(connection: VmConnection) -> None:
    before = connection.ask(ECHO, b"one").stdout.split()[0]
    assert connection.run("echo beside").stdout == b"beside\n"
    assert connection.ask(ECHO, b"two").stdout.split()[0] == before


@pytest.mark.parametrize("end", ["exit", "kill -9 $$"])
def test_a_command_that_has_ended_is_started_anew(connection: VmConnection, end: str) -> None:
    once = f"read line; echo $$; read line; {end}"
    first = connection.ask(once, b"one").stdout
    assert connection.ask(once, b"two").stdout not in (first, b"")


def test_a_command_that_fails_instead_of_answering_says_so(connection: VmConnection) -> None:
    failed = connection.ask("read line; echo no $line >&2; exit 7", b"one")
    assert (failed.exit_code, failed.stderr) == (7, "no one")


def test_a_command_that_never_answers_is_not_started_again_and_again(
    connection: VmConnection, running: SshServer
) -> None:
    with pytest.raises(VmUnreachable, match="ended without an answer"):
        connection.ask(f"echo x >> {running.folder}/started", b"one")
    assert (running.folder / "started").read_text() == "x\n"


def test_an_answer_that_does_not_come_is_given_up(connection: VmConnection) -> None:
    with pytest.raises(VmUnreachable, match=r"no answer in 1.5 s"):
        connection.ask("read line; sleep 60", b"one", timeout=1.5)
    assert connection.ask(ECHO, b"alive").stdout.endswith(b" alive")


def test_where_nothing_listens_it_says_so_soon(server: SshServer) -> None:
    before = time.monotonic()
    with pytest.raises(VmUnreachable, match=r"127\.0\.0\.1"):
        VmConnection(access(server), "127.0.0.1", server.host_key).run("true")
    assert time.monotonic() - before < LATE


@pytest.mark.parametrize("trusting", [{}, {"no_host_key_check": "true"}, {"allow_host_key_change": "true"}])
def test_another_host_is_refused_whatever_the_connection_allows(
    running: SshServer, monkeypatch: pytest.MonkeyPatch, trusting: dict[str, str]
) -> None:
    extra = {"private_key": running.client_key, **trusting}
    connection = {"conn_type": "ssh", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_HADS_TEST_SSH", json.dumps(connection))
    with pytest.raises(HostKeyMismatch, match="its host key is SHA256:.*, expected SHA256:"):
        VmConnection(access(running), "127.0.0.1", OTHER_KEY).run("true")
    assert "Accepted" not in running.log


def test_known_hosts_neither_adds_trust_nor_takes_it_away(running: SshServer, tmp_path: Path) -> None:
    known_hosts = tmp_path / ".ssh" / "known_hosts"
    known_hosts.parent.mkdir()
    address = f"[127.0.0.1]:{running.port}"
    known_hosts.write_text(f"{address} {running.host_key}\n")
    with pytest.raises(HostKeyMismatch):
        VmConnection(access(running), "127.0.0.1", OTHER_KEY).run("true")
    known_hosts.write_text(f"{address} {OTHER_KEY}\n")
    right = VmConnection(access(running), "127.0.0.1", running.host_key)
    assert right.run("true").exit_code == 0
    right.close()


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 not-base64!", "nonsense AAAA"])
def test_a_tag_that_holds_no_key_is_no_reason_to_connect(running: SshServer, key: str) -> None:
    with pytest.raises(VmError, match="not a public host key"):
        VmConnection(access(running), "127.0.0.1", key).run("true")


def test_a_key_that_is_not_let_in_is_named(running: SshServer) -> None:
    (running.folder / "client_key.pub").write_text(OTHER_KEY)
    with pytest.raises(VmUnreachable, match="with the key of connection 'hads_test_ssh' is refused"):
        VmConnection(access(running, tries=1), "127.0.0.1", running.host_key).run("true")


def test_a_connection_that_airflow_does_not_know_is_named(running: SshServer) -> None:
    with pytest.raises(VmError, match="'no_such_connection'"):
        VmConnection(access(running, ssh_conn_id="no_such_connection"), "127.0.0.1", running.host_key).run(
            "true"
        )


def test_a_key_file_does_instead_of_a_connection(running: SshServer) -> None:
    key_file = str(running.folder / "client_key")
    made = VmConnection(access(running, ssh_conn_id=None, key_file=key_file), "127.0.0.1", running.host_key)
    assert made.run("true").exit_code == 0
    made.close()

"""The commands that are run on a VM, as strings for its shell; nothing secret is in them."""

from __future__ import annotations

import hashlib
import shlex

__all__ = ["DEFAULT_ROOT", "RUNNER_PATH", "runner_command", "write_file_command"]

RUNNER_PATH = "/opt/hads/runner.py"
DEFAULT_ROOT = "/var/lib/hads"

# The digest keeps a connection that breaks half-way from leaving half a file.
_WRITE_FILE = (
    'set -e; mkdir -p "${1%/*}"; umask 077; cat > "$1.new"; '
    'echo "$3  $1.new" | sha256sum --check --status; chmod "$2" "$1.new"; mv -f "$1.new" "$1"'
)


def write_file_command(path: str, content: bytes, mode: int = 0o600) -> str:
    """Return the command that makes a file, root's, of its standard input.

    :param path: absolute.
    :param content: what will be written to the command's standard input.
    :param mode: permission bits.
    """
    digest = hashlib.sha256(content).hexdigest()
    return shlex.join(["sudo", "-n", "sh", "-c", _WRITE_FILE, "hads", path, f"{mode:o}", digest])


def runner_command(verb: str, root: str = DEFAULT_ROOT, path: str = RUNNER_PATH) -> str:
    """Return the command that runs the runner.

    :param verb: ``start`` or ``listen``.
    :param root: the runner's folder.
    :param path: where the runner itself is.
    """
    return shlex.join(["sudo", "-n", "python3", "-I", path, verb, "--root", root])

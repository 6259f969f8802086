#!/usr/bin/env bash
# docker/install.sh: the provider with all it needs for tests and the local cloud, in .venv of the checkout.
#
# Nothing is done while setup.py, the constraints and the Python are those of the last time. PYTHON chooses another one.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/docker/common.sh"

VENV=$ROOT/.venv
STAMP=$VENV/installed
COMPILED=$ROOT/airflow_provider_hads/planning/packing/compiled

# usable_python COMMAND: recent enough, and able to make a virtual environment.
usable_python() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

# find_python: print the first usable one.
find_python() {
  local python
  for python in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
    if usable_python "$python"; then echo "$python"; return 0; fi
  done
  return 1
}

choose_python() {
  find_python && return 0
  [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not Python 3.10 or later with the modules venv and ensurepip."
  install_packages python3 python3-venv
  find_python || fail "Python 3.10 or later is needed, and $(python3 --version) is older." \
    "Install one, and say which: make PYTHON=/path/to/python3 install"
}

# can_compile PYTHON: a C compiler, and that Python's headers.
can_compile() {
  command -v cc >/dev/null &&
    "$1" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null
}

# want_compiler PYTHON: without one, planning searches in Python, twenty times as slowly: fewer plans are tried.
want_compiler() {
  can_compile "$1" || (install_packages gcc libc6-dev python3-dev) || true
  can_compile "$1" || say "No C compiler or no Python.h: plans will be a few percent dearer"
}

# state: what the installation depends on.
state() {
  (cat "$ROOT/setup.py" "$ROOT/constraints.txt" "$ROOT/airflow_provider_hads/__init__.py" "$COMPILED"/*
    echo "$ROOT ${PYTHON:-}") | short_digest
}

up_to_date() {
  [ "$(cat "$STAMP" 2>/dev/null)" = "$(state)" ] && can_import
}

# can_import: from what is installed. In the work folder Python would find the package itself, whatever is broken (-I);
# and Airflow is not to make its home for that.
can_import() {
  _AIRFLOW__AS_LIBRARY=1 "$VENV/bin/python" -I -c 'import airflow, airflow_provider_hads' 2>/dev/null
}

# install_with_uv: some ten times as fast as pip, which does the same where uv cannot (an index that only pip knows).
install_with_uv() {
  "$VENV/bin/python" -m pip install --quiet --constraint "$ROOT/constraints.txt" uv 2>/dev/null &&
    "$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --constraint "$ROOT/constraints.txt" "$@"
}

install_with_pip() { "$VENV/bin/python" -m pip install --quiet --constraint "$ROOT/constraints.txt" "$@"; }

install() {
  up_to_date && return 0
  local python
  python=$(choose_python)
  say "Installing into $VENV ($("$python" --version))"
  rm -f "$STAMP"
  want_compiler "$python"
  "$python" -m venv --clear "$VENV"
  install_with_uv --editable "$ROOT[local,test]" || install_with_pip --editable "$ROOT[local,test]"
  rm -rf "$ROOT"/*.egg-info # a second description of the package, which Airflow would find in the work folder
  state >"$STAMP"
}

with_lock install install

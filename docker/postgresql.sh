#!/usr/bin/env bash
# docker/postgresql.sh: make sure that this machine has the programs of a PostgreSQL server, which the system tests run.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

has_server() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

has_server || install_packages postgresql

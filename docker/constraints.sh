#!/usr/bin/env bash
# docker/constraints.sh: resolve all that setup.py asks for to the newest versions, for every supported Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

new=$(mktemp)
trap 'rm -f "$new"' EXIT
echo '# Every version that this provider is tested with, for Python 3.10 and later. Made by: make constraints' >"$new"
.venv/bin/uv pip compile setup.py --universal --python-version 3.10 --extra local --extra test \
  --no-header --no-annotate --quiet >>"$new"
cat "$new" >constraints.txt

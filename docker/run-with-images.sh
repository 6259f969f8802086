#!/usr/bin/env bash
# docker/run-with-images.sh COMMAND...: build the images if need be, then become the command.
set -euo pipefail

"$(dirname "${BASH_SOURCE[0]}")/build.sh"
exec "$@"

#!/usr/bin/env bash
# docker/run-tests.sh PYTEST...: all tests, in two processes at once, since most of a system test is waiting.
#
# One has the whole Airflow deployments, the other the rest; each prints its own output when both have ended.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

DEPLOYED=()
for name in crashes demo example failing_runs harness triggered_example two_runs; do
  DEPLOYED+=("tests/system/test_$name.py")
done

output=$(mktemp)
trap 'kill "$others" 2>/dev/null; rm -f "$output"' EXIT

"$@" "${DEPLOYED[@]}" >"$output" 2>&1 </dev/null &
others=$!
"$@" tests/unit tests/property tests/integration tests/system "${DEPLOYED[@]/#/--ignore=}"
code=$?
wait "$others"
others_code=$?
cat "$output"
exit $((code > others_code ? code : others_code))

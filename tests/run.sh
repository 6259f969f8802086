#!/usr/bin/env bash
# tests/run.sh: ruff, mypy and all tests, as `make test` runs them.
# Tests with real VMs and a real Airflow wait a lot. What only computes goes on in the background, at the lowest
# priority: it takes the time that they leave, without making them late.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=.venv/bin
most=${PROCESSES:-3}
log=$(mktemp)

# seconds_of_a_loop: 0.33 to 0.55 on the machines for which the tests' waits were chosen.
seconds_of_a_loop() {
    "$bin/python" - <<'PYTHON'
from timeit import repeat
print(f"{min(repeat('for i in range(5_000_000): s += i * i', 's = 0', number=1, repeat=3)) * 2:.2f}")
PYTHON
}

# number_of_processes: on a slow machine several would be late for what they wait for; fewer take longer.
number_of_processes() {
    local seconds number
    seconds=$(seconds_of_a_loop)
    number=$("$bin/python" -c "print($most if $seconds <= 0.6 else min($most, 2 if $seconds <= 0.85 else 1))")
    echo "Ten million turns of a loop take $seconds s: processes of system tests at a time: $number" >&2
    echo "$number"
}

computing() {
    nice -n 19 "$bin/mypy" &&
        nice -n 19 "$bin/python" -m pytest -n "$(nproc)" --dist worksteal --durations 5 tests/unit tests/property
}

# Its output comes in one piece as soon as it has ended, so that a failure is seen early.
in_one_piece() {
    local status=0
    computing >"$log" 2>&1 || status=$?
    printf '\n%s\n' '--- mypy, unit and property tests'
    cat "$log"
    return "$status"
}

stop_background() {
    kill -- "-$background" 2>/dev/null || true
    rm -f "$log"
}

"$bin/ruff" check .
"$bin/ruff" format --check .
processes=$(number_of_processes)
set -m # a process group of its own, so that all of it can be ended
in_one_piece &
background=$!
set +m
trap stop_background EXIT
docker/test-servers.sh
status=0
docker/engine.sh run docker/run-with-images.sh "$bin/python" -m pytest -n "$processes" --dist loadscope \
    --no-loadscope-reorder --durations 15 tests/integration tests/system || status=$?
wait "$background" || { echo "mypy, unit or property tests failed: see above" >&2; status=1; }
exit "$status"

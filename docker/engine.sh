#!/usr/bin/env bash
# A Docker engine to work with.
#
#   docker/engine.sh run COMMAND...  run the command with a usable engine; an engine that this starts ends with it
#   docker/engine.sh start           make sure that an engine answers; prints `export DOCKER_HOST=...` for `eval`
#   docker/engine.sh stop            end the engine that `start` started, and no other
#   docker/engine.sh status          say which engine would be used
#
# An engine that answers already (DOCKER_HOST, or the default socket) is used as it is. Where there is none,
# docker.io is installed by apt and started with folders and a socket of its own, which needs root or sudo.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ENGINE=$HADS_CACHE/engine
SOCKET=$ENGINE/run/docker.sock
CONTAINERD_SOCKET=$ENGINE/run/containerd.sock

# own_pid NAME: the pid of our dockerd or containerd if it lives; pid files outlive reboots, so look at what runs there.
own_pid() {
  local pid
  pid=$(cat "$ENGINE/run/$1.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$ENGINE/run/" && echo "$pid"
}

own_engine_answers() { own_pid dockerd >/dev/null && DOCKER_HOST=unix://$SOCKET engine_answers; }

# default_socket_denied: an engine is there, but this user may not talk to it.
default_socket_denied() {
  [ -z "${DOCKER_HOST:-}" ] && [ -S /var/run/docker.sock ] && [ ! -w /var/run/docker.sock ]
}

# launch NAME COMMAND...: start a daemon as root in a session of its own and note its pid.
launch() {
  local name=$1
  shift
  as_root rm -f "$ENGINE/run/$name.pid"
  as_root setsid sh -c 'echo $$ > "$1"; shift; exec "$@"' sh "$ENGINE/run/$name.pid" "$@" \
    >"$ENGINE/$name.log" 2>&1 </dev/null 9>&- &
}

# wait_for NAME CHECK...: until the check holds, as long as the daemon lives; 60 s at most.
wait_for() {
  local name=$1 log=$ENGINE/$1.log try
  shift
  for ((try = 0; try < 300; try++)); do
    "$@" && return 0
    if [ "$try" -gt 10 ] && ! own_pid "$name" >/dev/null; then break; fi
    sleep 0.2
  done
  stop_own
  tail -n 5 "$log" >&2
  fail "$name did not come up; its log: $log"
}

start_own() {
  say "Starting a Docker engine (its data: $ENGINE)"
  mkdir -p "$ENGINE/run"
  chmod 700 "$ENGINE" "$ENGINE/run"
  own_pid containerd >/dev/null || launch containerd containerd \
    --address "$CONTAINERD_SOCKET" --root "$ENGINE/containerd" --state "$ENGINE/run/containerd"
  wait_for containerd test -S "$CONTAINERD_SOCKET"
  as_root rm -f "$ENGINE/run/docker.pid"
  own_pid dockerd >/dev/null || launch dockerd dockerd --experimental --group "$(id -g)" \
    --data-root "$ENGINE/data" --exec-root "$ENGINE/run/exec" --pidfile "$ENGINE/run/docker.pid" \
    --containerd "$CONTAINERD_SOCKET" --host "unix://$SOCKET"
  wait_for dockerd own_engine_answers
}

# send SIGNAL PID: by the shell's own kill, for a small machine has no other that sudo could run.
send() { as_root sh -c 'kill -"$1" "$2"' sh "$1" "$2" 2>/dev/null; }

# end_process PID: politely, then not; 20 s at most.
end_process() {
  local try
  send TERM "$1" || return 0
  for ((try = 0; try < 100; try++)); do
    [ -d "/proc/$1" ] || return 0
    sleep 0.2
  done
  send KILL "$1" || true
}

# stop_own: end our engine. Where none was ever started there is nothing to do, and nothing that needs root.
stop_own() {
  local name pid
  [ -d "$ENGINE/run" ] || return 0
  for name in dockerd containerd; do
    pid=$(own_pid "$name") && end_process "$pid"
    as_root rm -f "$ENGINE/run/$name.pid"
  done
  as_root rm -f "$SOCKET" "$CONTAINERD_SOCKET" "$ENGINE/run/docker.pid"
}

# install_engine: the package's own service is not wanted, and would bar users who are not in its group.
install_engine() {
  has_engine && return 0
  may_become_root || fail "There is no Docker engine here, and no root or sudo to install one." \
    "Ask for Docker (package docker.io) and for membership of its group, or set DOCKER_HOST to an engine you may use."
  install_packages docker.io iptables
  # Since Debian 13 the command is a package of its own, which docker.io only recommends.
  command -v docker >/dev/null || install_packages docker-cli
}

has_engine() { command -v dockerd >/dev/null && command -v containerd >/dev/null && command -v docker >/dev/null; }

# ensure: an engine answers afterwards. Sets DOCKER_HOST where it is our own, and STARTED where it was started here.
ensure() {
  STARTED=
  engine_answers && return 0
  [ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST is $DOCKER_HOST, but no Docker engine answers there." \
    "Start that engine, or unset DOCKER_HOST."
  install_engine
  engine_answers && return 0
  if default_socket_denied; then return 0; fi
  export DOCKER_HOST=unix://$SOCKET
  own_engine_answers && return 0
  may_become_root || fail "No Docker engine runs here, and starting one needs root or sudo." \
    "Ask for Docker to be started, or run this as root."
  start_own
  STARTED=yes
}

# with_docker_group COMMAND...: run it as this user, with the group that owns the engine's socket added.
with_docker_group() {
  may_become_root || fail "A Docker engine runs here, but $(id -un) may not use it." \
    "Run 'sudo usermod -aG docker $(id -un)' and log in again, or run this as root."
  local group
  group=$(stat -c %g /var/run/docker.sock)
  as_root env "PATH=$PATH" "HOME=$HOME" setpriv --reuid="$(id -u)" --regid="$(id -g)" \
    --groups="$(id -G | tr ' ' ','),$group" "$@"
}

# forward COMMAND...: run it in a process group of its own, hand on what ends us, and return its exit code. Were it
# simply called, bash would end first at a SIGTERM, and take the engine away from under it.
forward() {
  set -m
  "$@" </dev/null &
  local child=$! signal
  set +m
  for signal in HUP INT TERM; do trap "kill -$signal -- -$child 2>/dev/null || true" "$signal"; done
  while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
  wait "$child"
}

run() {
  ensure
  if [ -n "$STARTED" ]; then
    trap stop_own EXIT
    forward "$@"
  elif engine_answers; then
    exec "$@"
  else
    with_docker_group "$@"
  fi
}

start() {
  ensure
  engine_answers || fail "A Docker engine runs here, but $(id -un) may not use it: use '$0 run COMMAND'."
  [ -z "${DOCKER_HOST:-}" ] || echo "export DOCKER_HOST=$DOCKER_HOST"
}

status() {
  if engine_answers; then
    echo "A Docker engine answers at ${DOCKER_HOST:-the default socket}."
  elif own_engine_answers; then
    echo "An engine of our own answers at unix://$SOCKET."
  else
    echo "No Docker engine answers."
  fi
}

case ${1:-} in
  run) shift && run "$@" ;;
  start) start ;;
  stop) stop_own ;;
  status) status ;;
  *) fail "Usage: $0 run COMMAND... | start | stop | status" ;;
esac

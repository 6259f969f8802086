#!/usr/bin/env bash
# docker/base-image.sh: make sure that the engine has `hads-base`, the system that the other images build on.
#
# Debian 12 from a registry where one answers; else bootstrapped from this machine's own package mirror (about
# 50 s), and then kept as a tar in the cache. Prints the image's name, which is different for a different recipe;
# with --name it does only that.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/common.sh"

PULLED=debian:bookworm-slim
# A frozen mirror's lists are older than they say, and a container may lack what apt's own user needs.
APT_SETTINGS=('Acquire::Check-Valid-Until "false";' 'APT::Sandbox::User "root";')
RECIPE=1 # to be raised with every change of what is in the image
NAME=hads-base:$(printf '%s\n' "$RECIPE" "$PULLED" "${APT_SETTINGS[@]}" | short_digest)
TAR=$HADS_CACHE/images/${NAME/:/-}.tar

pull() {
  timeout 120 docker pull --quiet "$PULLED" >/dev/null 2>&1 && docker tag "$PULLED" "$NAME"
}

# own_mirror SUITE: where this machine gets its packages from: the first archive of that suite in its apt sources,
# which may be lines or, newer, paragraphs of fields; most machines have but one kind.
own_mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
    awk -v suite="$1" '$1 == "deb" { sub(/\[[^]]*\] */, ""); if ($3 == suite) { print $2; exit } }'
  { cat /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } | awk -v suite="$1" -v RS= '
    $0 ~ "(^|\n)Suites:[^\n]*[ \t]" suite "([ \t\n]|$)" {
      for (i = 1; i < NF; i++) if ($i == "URIs:") { print $(i + 1); exit }
    }'
}

# os_release KEY: one value of /etc/os-release, whose variables would overwrite ours.
os_release() { (. /etc/os-release && eval "echo \"\${$1:-}\""); }

# choose_suite: Debian 12 on any Debian; on Ubuntu its own release, for that is what its mirror surely has.
choose_suite() {
  local own_suite
  own_suite=$(os_release VERSION_CODENAME)
  case $(os_release ID) in
    debian) SUITE=bookworm COMPONENTS=main ;;
    *) SUITE=$own_suite COMPONENTS=main,universe ;;
  esac
  MIRROR=$(own_mirror "$own_suite")
  MIRROR=${MIRROR%%$'\n'*}
  [ -n "$MIRROR" ] || fail "No package mirror for $own_suite in /etc/apt: the base image can be made neither from" \
    "a registry nor from packages. Run 'docker pull $PULLED' by hand, or add a deb line to /etc/apt/sources.list."
}

# bootstrap: runs in a subshell, so that its trap removes the folder whatever happens.
bootstrap() (
  choose_suite
  install_packages debootstrap
  say "No registry answers: making the base image from $MIRROR ($SUITE), about a minute the first time"
  folder=$(as_root mktemp -d /var/tmp/hads-base.XXXXXX)
  trap 'as_root rm -rf --one-file-system "$folder"' EXIT
  log=$HADS_CACHE/debootstrap.log
  as_root debootstrap --variant=minbase --components="$COMPONENTS" "$SUITE" "$folder/root" "$MIRROR" \
    >"$log" 2>&1 </dev/null ||
    { tail -n 5 "$log" >&2; fail "debootstrap failed; its log: $log"; }
  as_root sh -c 'rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' sh "$folder/root"
  printf '%s\n' "${APT_SETTINGS[@]}" | as_root tee "$folder/root/etc/apt/apt.conf.d/90hads" >/dev/null
  as_root tar --one-file-system -c -C "$folder/root" . | docker import - "$NAME" >/dev/null
)

make_image() {
  image_exists "$NAME" && return 0
  load_image "$NAME" "$TAR" && return 0
  mkdir -p "$(dirname "$TAR")"
  pull || bootstrap
  save_image "$NAME" "$TAR"
  keep_newest hads-base
}

if [ "${1:-}" != --name ]; then
  with_lock images make_image
  docker tag "$NAME" hads-base
fi
echo "$NAME"

#!/usr/bin/env bash
# docker/build.sh [RECIPE...]: make sure that the engine has the images of this folder's recipes; all without arguments.
#
# A recipe is a folder with a Dockerfile that takes BASE_IMAGE; its image is hads-RECIPE, and `synthetic` has its plain
# name as well. A tag carries the digest of recipe and base, so nothing is built twice, and every image is kept as a tar
# in the cache, from which another engine gets it in seconds.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/common.sh"

# proxy_arguments: what this machine reaches its packages through, for this build only.
proxy_arguments() {
  local name value
  for name in http_proxy https_proxy no_proxy; do
    value=${!name:-}
    [ -n "$value" ] || [ "$name" = no_proxy ] ||
      value=$(apt-config dump "Acquire::${name%_proxy}::Proxy" 2>/dev/null | cut -d'"' -f2 | head -n 1)
    case $value in '' | DIRECT) ;; *) printf '%s\n' --build-arg "$name=$value" ;; esac
  done
}

# build_recipe RECIPE IMAGE: with the classic builder, since docker.io comes without buildx.
build_recipe() {
  local log=$HADS_CACHE/build-$1.log arguments
  mapfile -t arguments < <(proxy_arguments)
  say "Building the image $2"
  DOCKER_BUILDKIT=0 timeout 1200 docker build --network host --build-arg "BASE_IMAGE=$BASE" "${arguments[@]}" \
    --force-rm --tag "$2" "$HERE/$1" >"$log" 2>&1 </dev/null ||
    { tail -n 20 "$log" >&2; fail "Building $2 failed; the whole log: $log"; }
  docker image prune --force --filter label=hads.stage=build >/dev/null
}

# make_image RECIPE IMAGE TAR
make_image() {
  image_exists "$2" && return 0
  mkdir -p "$(dirname "$3")"
  load_image "$2" "$3" && return 0
  BASE=$("$HERE/base-image.sh")
  build_recipe "$1" "$2"
  save_image "$2" "$3"
  keep_newest "hads-$1"
}

make_recipe() {
  [ -f "$HERE/$1/Dockerfile" ] || fail "There is no recipe docker/$1/Dockerfile."
  local key name=hads-$1 tar
  key=$( ("$HERE/base-image.sh" --name && tree_digest "$HERE/$1") | short_digest)
  tar=$HADS_CACHE/images/$name-$key.tar
  with_lock "build-$1" make_image "$1" "$name:$key" "$tar"
  touch -c "$tar" # it counts as used
  docker tag "$name:$key" "$name:latest"
  [ "$1" != synthetic ] || docker tag "$name:$key" synthetic:latest
}

recipes() {
  local file
  for file in "$HERE"/*/Dockerfile; do basename "$(dirname "$file")"; done
}

engine_answers || fail "No Docker engine answers. Try: docker/engine.sh run docker/build.sh"
for recipe in ${*:-$(recipes)}; do make_recipe "$recipe"; done

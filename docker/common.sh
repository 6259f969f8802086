# What the scripts of this folder share. Sourced by bash; it runs nothing by itself.

# A service or a job of a CI may have no HOME.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME

# Everything that takes long to make is kept here, outside the checkout.
HADS_CACHE=${HADS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/airflow_provider_hads}

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE...: one line an argument, then the end.
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# may_become_root: whether as_root can work, without asking for a password where nobody could type one.
may_become_root() {
  is_root && return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null && return 0
  [ -t 0 ] && sudo -v
}

as_root() {
  if is_root; then "$@"; else sudo -E "$@"; fi
}

# missing_packages PACKAGE...: print those that dpkg does not have.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || echo "$package"
  done
}

# install_packages PACKAGE...: the Debian or Ubuntu packages, of which only the missing ones are installed.
install_packages() {
  command -v apt-get >/dev/null ||
    fail "Not a Debian or Ubuntu machine, so these have to be installed by hand: $*"
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  may_become_root ||
    fail "Missing packages: $missing" "Install them as root and try again: apt-get install $missing"
  say "Installing $missing"
  apt_install $missing
}

# apt_install PACKAGE...: with the package lists of this machine, or newer ones where those are missing or old.
apt_install() {
  local log apt
  log=$(mktemp)
  apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" install --no-install-recommends "$@" >"$log" 2>&1 </dev/null ||
    { as_root "${apt[@]}" update && as_root "${apt[@]}" install --no-install-recommends "$@"; } \
      >"$log" 2>&1 </dev/null ||
    { tail -n 20 "$log" >&2; fail "apt-get install $* failed; its whole output: $log"; }
  rm -f "$log"
}

# engine_answers: whether a Docker engine can be used, by DOCKER_HOST or where docker looks by itself.
engine_answers() {
  command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# tree_digest FOLDER: one digest over the names and contents of its files, the same wherever the folder lies.
tree_digest() {
  (cd "$1" && find . -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | short_digest
}

# short_digest: of what comes in.
short_digest() { sha256sum | cut -c1-16; }

# image_exists NAME
image_exists() { docker image inspect "$1" >/dev/null 2>&1; }

# load_image NAME TAR: put an image that was saved before into the engine; false where that does not work.
load_image() {
  [ -s "$2" ] && docker load --quiet --input "$2" >/dev/null && image_exists "$1"
}

# save_image NAME TAR: keep an image for an engine that has lost it. Written aside first, so that it is whole or absent.
save_image() {
  docker save --output "$2.part" "$1" && mv "$2.part" "$2"
}

# keep_newest PREFIX: of the tars in the cache that begin so, the three used last.
keep_newest() {
  find "$HADS_CACHE/images" -name "$1-*.tar" -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2- |
    xargs -r -d '\n' rm -f
}

# with_lock NAME COMMAND...: one at a time on this machine.
with_lock() {
  local name=$1
  shift
  mkdir -p "$HADS_CACHE"
  (
    flock -w 900 9 || fail "Another process has held $HADS_CACHE/$name.lock for 15 minutes."
    "$@"
  ) 9>"$HADS_CACHE/$name.lock"
}

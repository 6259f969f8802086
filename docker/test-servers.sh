#!/usr/bin/env bash
# docker/test-servers.sh: make sure that this machine has the programs that tests run: PostgreSQL, sshd, and a busybox
# that needs no libraries, from which they make small images.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

has_postgresql() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
has_sshd() { [ -x /usr/sbin/sshd ] && command -v ssh-keygen >/dev/null; }

has_postgresql || install_packages postgresql
has_sshd || install_packages openssh-server openssh-client
install_packages busybox-static

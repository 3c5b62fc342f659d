#!/usr/bin/env bash
# Installs what Sabot needs and this machine lacks, and says what it does. The second time it does nothing.
# What can't be installed is written, one need a line, to the file named by SABOT_IMPOSSIBLE (for `make run`).
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: as it is, or by sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else return 1
  fi
}

have_postgres() {
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
    { [ -n "${SABOT_POSTGRES_BIN:-}" ] && [ -x "$SABOT_POSTGRES_BIN/postgres" ]; } ||
    { command -v pg_config >/dev/null 2>&1 && [ -x "$(pg_config --bindir)/postgres" ]; }
}

# Debian packages that are missing: a test for each, then its name.
missing=()
have_postgres && command -v psql >/dev/null && command -v pgbench >/dev/null || missing+=(postgresql postgresql-client)
command -v cc >/dev/null 2>&1 || missing+=(build-essential)
command -v setpriv >/dev/null 2>&1 || missing+=(util-linux)

command -v cargo >/dev/null 2>&1 ||
  fail "cargo is not on the PATH: install Rust (see rust-version in Cargo.toml), then run this again"

if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null 2>&1 ||
    fail "missing: ${missing[*]}; this is no Debian, so install them by your own package manager"
  say "installing Debian's ${missing[*]}"
  # Debian's package would create and start a cluster of its own: it is told not to, before it is unpacked.
  guard=/etc/postgresql-common/createcluster.conf
  if [ ! -e "$guard" ]; then
    as_root sh -c "mkdir -p /etc/postgresql-common && printf 'create_main_cluster = false\n' > $guard" ||
      fail "missing: ${missing[*]}; run this as root or with sudo, or ask: apt-get install ${missing[*]}"
  fi
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail "apt-get could not install ${missing[*]}: see above; mend that, or install them by hand"
  fi
  have_postgres || fail "PostgreSQL was installed and its server is not to be found in /usr/lib/postgresql"
  say "done"
fi

#!/usr/bin/env bash
# Installs what Sabot needs and this machine lacks, and says what it does. The second time it does nothing.
# What can't be installed is named with the command that mends it. Where that is PostgreSQL or MongoDB, the needs that
# hang on it are written, one a line, to build/impossible (or SABOT_IMPOSSIBLE), so that `make run` skips exactly those.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
impossible="${SABOT_IMPOSSIBLE:-$here/../build/impossible}"

say() { printf 'setup: %s\n' "$*"; }
complain() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# The folder of PostgreSQL's server, looked for where Sabot does.
postgres_bin() {
  local bin
  for bin in /usr/lib/postgresql/*/bin "${SABOT_POSTGRES_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)"; do
    if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then
      printf '%s' "$bin"
      return 0
    fi
  done
  return 1
}

have_client() { [ -x "$server/$1" ] || have "$1"; }

# Python is started (a quarter of a second) only while its environment is still to be made.
have_venv() {
  have python3 && { "$here/setup-clients.sh" --complete || python3 -I -c 'import ensurepip, venv' 2>/dev/null; }
}

# Sets `missing` to the Debian packages of all that is not there.
look() {
  missing=()
  server=$(postgres_bin) || missing+=(postgresql)
  { have_client psql && have_client pgbench; } || missing+=(postgresql-client)
  have cc || missing+=(build-essential)
  have setpriv || missing+=(util-linux)
  have node || missing+=(nodejs)
  have npm || missing+=(npm)
  have_venv || missing+=(python3-venv)
  { have chromium || have chromium-browser || have google-chrome; } || missing+=(chromium)
}

lacks() { [[ " ${missing[*]} " == *" $1 "* ]]; }

# How to become root, in `root`; fails where there is no way. Without a terminal sudo is never let ask.
find_root() {
  if [ "$(id -u)" -eq 0 ]; then root=()
  elif ! have sudo; then return 1
  elif sudo -n true </dev/null >/dev/null 2>&1; then root=(sudo -n)
  elif [ -t 0 ] && [ -t 2 ]; then root=(sudo)
  else return 1
  fi
}

# `timeout` keeps the terminal, for sudo may ask there.
apt_get() {
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive timeout --foreground 1200 \
    apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

install() {
  # Debian's package would create and start a cluster of its own: it is told not to, before it is unpacked.
  local guard=/etc/postgresql-common/createcluster.conf
  if lacks postgresql && [ ! -e "$guard" ]; then
    ${root[@]+"${root[@]}"} sh -c "mkdir -p ${guard%/*} && printf 'create_main_cluster = false\n' > $guard" || return 1
  fi
  # An index that can't be refreshed may still hold what is wanted. What can't be installed stops nothing else.
  apt_get update || true
  apt_get install -y --no-install-recommends "${missing[@]}" && return
  local package
  for package in "${missing[@]}"; do
    apt_get install -y --no-install-recommends "$package" || true
  done
}

have cargo || {
  complain "error: cargo is not on the PATH: install Rust (see rust-version in Cargo.toml), then run this again"
  exit 1
}

"$here/setup-promtool.sh"

look
why=
if [ ${#missing[@]} -gt 0 ]; then
  if ! have apt-get; then
    why="this is no Debian"
  elif ! find_root; then
    why="that takes root, and sudo is not there or would ask for a password"
  else
    say "installing Debian's ${missing[*]}"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    install >"$log" 2>&1 || true
    look
    if [ ${#missing[@]} -gt 0 ]; then
      tail -n 15 "$log" >&2
      why="apt-get did not bring it, see above"
    else
      say "done"
    fi
  fi
fi

# The needs that can't be met here.
needs=$("$here/setup-mongo.sh")
if lacks postgresql; then
  needs=$(printf '%s\n' services database wires disposable ${needs:+"$needs"})
fi
if [ -n "$needs" ]; then
  mkdir -p "$(dirname "$impossible")"
  printf '%s\n' "$needs" >"$impossible"
else
  rm -f "$impossible"
fi
[ ${#missing[@]} -gt 0 ] || exit 0

complain "missing and not to be installed here: ${missing[*]} ($why)"
if have apt-get; then
  sudo=$([ "$(id -u)" -eq 0 ] || echo 'sudo ')
  complain "mend it: ${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${missing[*]}"
else
  complain "mend it: install what your system has for these packages of Debian, then run this again"
fi
if lacks postgresql; then
  complain "or set SABOT_POSTGRES_BIN to a folder that holds initdb and postgres"
  complain "without PostgreSQL \`make run\` skips the checks that need it, and says so; \`make test\` fails"
fi
if lacks build-essential; then
  complain "error: without a C compiler, which Rust links with, nothing can be built"
  exit 1
fi

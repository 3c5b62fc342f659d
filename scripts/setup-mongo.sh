#!/usr/bin/env bash
# Sees to what the checks of MongoDB need: MongoDB's own tools, and a server for its protocol. What is on the PATH is
# used as it is. Where the tools are there and `mongod` is not, FerretDB is built with Go, once, into the cache folder
# outside of the repository. MongoDB's tools are never built: for their module Go's checksum database answered `404`
# when that was tried, so that what is downloaded could not be verified.
# On its standard output it prints the needs that can't be met here, one a line, and nothing else; that is no error.
# With --server it sees to the server alone, tools or not, as the tests of the sandbox want it.
set -euo pipefail

FERRETDB=1.24.2
RECIPE=1

here=$(cd "$(dirname "$0")" && pwd)
# Where no home is set there is none to write to, and the message below names the remedy.
cache="${SABOT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/sabot}"
folder="$cache/mongo/ferretdb-$FERRETDB-$RECIPE"

say() { printf 'setup-mongo: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
have_server() { have mongod || [ -x "$folder/ferretdb" ]; }

# Builds into a draft that is renamed: FerretDB is there as a whole or not at all. What is downloaded must be what
# go.sum says, whatever the environment holds.
build() {
  mkdir -p "$cache/mongo" 2>/dev/null && draft=$(mktemp -d "$cache/mongo/.draft-XXXXXX") || {
    say "cannot write to $cache/mongo; set SABOT_CACHE_DIR to a folder that can be written to"
    return 1
  }
  trap 'rm -rf "$draft"' EXIT
  say "building FerretDB $FERRETDB, a server for MongoDB's protocol, into $folder (some minutes, once)"
  if ! (cd "$here/../sandbox/ferretdb" &&
    CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off timeout 1500 go build -trimpath -o "$draft/ferretdb" .) \
    >"$draft/log" 2>&1; then
    tail -n 5 "$draft/log" >&2
    say "FerretDB could not be built, see above; is the module proxy of Go within reach?"
    return 1
  fi
  rm "$draft/log"
  chmod 755 "$draft"
  # Somebody else may have been quicker.
  mv -T "$draft" "$folder" 2>/dev/null || [ -x "$folder/ferretdb" ]
}

# How to get what is named, in one line.
mend() {
  say "mend it: install MongoDB's $*, then run this again"
}

if [ "${1:-}" = --server ]; then
  have_server && exit 0
  if have go && build; then exit 0; fi
  have go || say "neither mongod nor go is there: tests that start such a server are left out"
  exit 0
fi

needs=()
for tool in mongodump mongorestore; do
  have "$tool" || needs+=("tool:$tool")
done
if [ ${#needs[@]} -gt 0 ]; then
  say "MongoDB's tools are not on the PATH: \`make run\` skips the checks that need them, and says so"
  if have mongod; then mend mongodb-database-tools; else mend mongodb-database-tools and mongodb-org-server; fi
  have_server || needs+=(tool:mongod)
elif ! have_server && ! { have go && build; }; then
  say "no server for MongoDB's protocol: \`make run\` skips the checks that need one, and says so"
  mend mongodb-org-server, or Go, with which FerretDB is built
  needs+=(tool:mongod)
fi
[ ${#needs[@]} -eq 0 ] || printf '%s\n' "${needs[@]}"

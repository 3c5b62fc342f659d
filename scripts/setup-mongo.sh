#!/usr/bin/env bash
# Sees to what the checks of MongoDB need: MongoDB's own tools, and a server for its protocol. What is on the PATH is
# used as it is. What is not, and can be, is built with Go, once, into the cache folder outside of the repository: the
# tools from MongoDB's module, and in the place of `mongod` FerretDB.
# On its standard output it prints the needs that can't be met here, one a line, and nothing else; that is no error.
set -euo pipefail

FERRETDB=1.24.2
TOOLS=100.12.2
RECIPE=1

here=$(cd "$(dirname "$0")" && pwd)
# Where no home is set there is none to write to, and the message below names the remedy.
cache="${SABOT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/sabot}"
server="$cache/mongo/ferretdb-$FERRETDB-$RECIPE"
tools="$cache/mongo/tools-$TOOLS-$RECIPE"

say() { printf 'setup-mongo: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
have_server() { have mongod || [ -x "$server/ferretdb" ]; }
have_tool() { have "$1" || [ -x "$tools/$1" ]; }
have_tools() { have_tool mongodump && have_tool mongorestore; }

# build FOLDER MODULE NAME=PACKAGE…: builds programs of the module into a draft that is renamed to FOLDER, so that they are
# there as a whole or not at all. What is downloaded must be what go.sum says, whatever the environment holds.
build() {
  local folder=$1 module=$2 draft program
  shift 2
  mkdir -p "$cache/mongo" 2>/dev/null && draft=$(mktemp -d "$cache/mongo/.draft-XXXXXX") || {
    say "cannot write to $cache/mongo; set SABOT_CACHE_DIR to a folder that can be written to"
    return 1
  }
  say "building ${folder##*/} with Go, into $folder (some minutes, once)"
  for program; do
    if ! (cd "$here/../sandbox/$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off timeout 1500 \
      go build -trimpath -ldflags "-X main.VersionStr=$TOOLS" -o "$draft/${program%%=*}" "${program#*=}") \
      >"$draft/.log" 2>&1; then
      tail -n 5 "$draft/.log" >&2
      rm -rf "$draft"
      say "${program%%=*} could not be built, see above; is the module proxy of Go within reach?"
      return 1
    fi
  done
  rm "$draft/.log"
  chmod 755 "$draft"
  # Somebody else may have been quicker.
  mv -T "$draft" "$folder" 2>/dev/null || rm -rf "$draft"
  [ -d "$folder" ]
}

module=github.com/mongodb/mongo-tools
if ! have_tools && have go; then
  build "$tools" mongo-tools "mongodump=$module/mongodump/main" "mongorestore=$module/mongorestore/main" || true
fi
if ! have_server && have go; then
  build "$server" ferretdb ferretdb=. || true
fi

needs=()
for tool in mongodump mongorestore; do
  have_tool "$tool" || needs+=("tool:$tool")
done
have_server || needs+=(tool:mongod)
if [ ${#needs[@]} -gt 0 ]; then
  say "not to be had here: ${needs[*]}; \`make run\` skips the checks that need them, and says so"
  say "mend it: install Go, or MongoDB's packages mongodb-database-tools and mongodb-org-server, then run this again"
  printf '%s\n' "${needs[@]}"
fi

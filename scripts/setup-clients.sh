#!/bin/sh
# Installs the PostgreSQL clients of other languages that the tests of the PostgreSQL wire drive: node's pg, Python's
# psycopg. They go to the cache folder, outside of the repository. Does nothing the second time. With --complete it
# only says, by its exit code, whether they are there.
set -eu

PG=8.16.3
PSYCOPG=3.2.9
PSYCOPG_POOL=3.2.6

# Where no home is set there is none to write to, and the message below names the remedy.
clients="${SABOT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/sabot}/clients"
stamp="$clients/installed-pg-$PG-psycopg-$PSYCOPG-$PSYCOPG_POOL"

fail() {
    echo "setup-clients: error: the tests of the PostgreSQL wire need clients of other languages, and $1" >&2
    exit 1
}

if [ "${1:-}" = --complete ]; then
    test -e "$stamp" && exit 0
    exit 1
fi

if [ -e "$stamp" ]; then
    echo "setup-clients: nothing to do, $clients is complete"
    exit 0
fi

for tool in node npm; do
    command -v "$tool" >/dev/null || fail "$tool is missing; install it: apt-get install nodejs npm"
done
command -v python3 >/dev/null || fail "python3 is missing; install it: apt-get install python3 python3-venv"

mkdir -p "$clients/node" || fail "cannot write to $clients; set SABOT_CACHE_DIR to a folder that can be written to"
rm -f "$clients"/installed-*

echo "setup-clients: installing pg $PG for node into $clients/node"
timeout 600 npm install --prefix "$clients/node" --no-audit --no-fund --no-save --silent "pg@$PG" ||
    fail "npm could not install pg; is the package registry within reach?"

echo "setup-clients: installing psycopg $PSYCOPG for Python into $clients/python"
timeout 300 python3 -m venv --clear "$clients/python" ||
    fail "python3 could not make an environment; install its module: apt-get install python3-venv"
timeout 600 "$clients/python/bin/pip" install --quiet --disable-pip-version-check \
    "psycopg[binary]==$PSYCOPG" "psycopg_pool==$PSYCOPG_POOL" ||
    fail "pip could not install psycopg; is the package index within reach?"

touch "$stamp"
echo "setup-clients: done"

#!/bin/sh
# Gets promtool, which evaluates Prometheus rules, where there is none: out of Debian's package, which is unpacked and
# not installed, so that no service comes with it. It goes to the cache folder, outside of the repository. Does nothing
# the second time. Where it cannot be had that is said, and nothing fails: Sabot evaluates such rules itself too.
# With --path it only prints where promtool is: first on the PATH, else in the cache; it fails where there is none.
set -eu

# Where no home is set there is none to write to, and the message below names the remedy.
folder="${SABOT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/sabot}/promtool"

if [ "${1:-}" = --path ]; then
    command -v promtool && exit 0
    test -x "$folder/promtool" && echo "$folder/promtool" && exit 0
    exit 1
fi

if command -v promtool >/dev/null || [ -x "$folder/promtool" ]; then
    exit 0
fi

without() {
    echo "setup-promtool: no promtool: $1; Prometheus rules are judged by Sabot's own evaluation alone, and their" \
        "own tests are left out" >&2
    exit 0
}

{ command -v apt-get && command -v dpkg-deb; } >/dev/null || without "this is no Debian; install it from your system"
mkdir -p "$folder" 2>/dev/null || without "cannot write to $folder; set SABOT_CACHE_DIR to a folder that can be written to"
draft=$(mktemp -d "$folder/.draft-XXXXXX") || without "cannot write to $folder"
trap 'rm -rf "$draft"' EXIT
# As root, apt-get would fetch as a user of its own, who must be able to write here.
chmod 755 "$draft"

fetch() { (cd "$draft" && timeout 300 apt-get -q -o APT::Sandbox::User=root download prometheus) >"$draft/log" 2>&1; }

if ! fetch; then
    # The index may be missing or old; only root may bring it up to date.
    { [ "$(id -u)" -eq 0 ] && timeout 300 apt-get -q update >/dev/null 2>&1 && fetch; } ||
        without "apt-get could not download Debian's package prometheus ($(tail -n 1 "$draft/log")); try \`apt-get update\`"
fi
dpkg-deb -x "$draft"/prometheus_*.deb "$draft/unpacked" || without "Debian's package prometheus could not be unpacked"
"$draft/unpacked/usr/bin/promtool" --version >/dev/null 2>&1 || without "the one of Debian's package does not run here"
mv "$draft/unpacked/usr/bin/promtool" "$folder/promtool"
echo "setup-promtool: promtool is in $folder"

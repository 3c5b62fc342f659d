#!/usr/bin/env bash
# Judges the order service in examples/orders, as it is and mended: example.sh SABOT REPORTS [prove]
# As it is it has mistakes, each of which must be found, and nothing else; mended it must be green. With `prove` every
# check that applies must besides be proved on the mended one.
set -euo pipefail

sabot=$(realpath "$1")
mkdir -p "$2"
reports=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
orders="$here/../examples/orders"

"$here/setup-clients.sh"
export PATH="${SABOT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/sabot}/clients/python/bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs a sabot that may find something: what it finds is judged afterwards.
judge() {
  local code=0
  "$sabot" "$@" || code=$?
  if [ "$code" -gt 2 ]; then exit "$code"; fi
  return "$code"
}

cp -r "$orders" "$work/orders"
echo "example: the order service as it is"
judge run --config "$work/orders/sabot.toml" --report "json=$reports/example.json,html=$reports/example.html" || true
echo
python3 "$orders/../found.py" "$orders/mistakes.json" "$reports/example.json" "$orders"

echo
echo "example: the order service, mended"
patch --quiet --directory "$work/orders" --strip 1 <"$orders/mended.patch"
judge run --config "$work/orders/sabot.toml" --report "json=$reports/mended.json,html=$reports/mended.html"
[ "${3:-}" = prove ] || exit 0
judge prove --config "$work/orders/sabot.toml" --named-only --report "json=$reports/mended-proof.json,html=$reports/mended-proof.html"

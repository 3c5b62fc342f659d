#!/usr/bin/env bash
# Runs every check on the embedded target, and ends with the address of the page that shows it: run.sh SABOT REPORTS
# What setup.sh found impossible here is named to --allow-skips, and said first and last; nothing else may be skipped.
set -euo pipefail

sabot=$1
reports=$2
impossible="${SABOT_IMPOSSIBLE:-$(dirname "$0")/../build/impossible}"
allowed=()
if [ -s "$impossible" ]; then
  needs=$(paste -sd, "$impossible")
  echo "run: not everything is to be had here (\`make setup\` says why): checks that need any of $needs are skipped"
  allowed=(--allow-skips "$needs")
fi
mkdir -p "$reports"

# Beside this script, so that a signal to it reaches the run, and the address comes after the last line of the run.
"$sabot" run ${allowed[@]+"${allowed[@]}"} \
  --report "json=$reports/record.json,markdown=$reports/report.md,html=$reports/report.html" &
run=$!
trap 'kill -TERM "$run" 2>/dev/null || true' TERM HUP
trap : INT # the terminal tells the run itself
while true; do
  status=0
  wait "$run" || status=$?
  kill -0 "$run" 2>/dev/null || break
done

case $status in
  3 | 4) ;; # nothing was run, so nothing was written
  *) [ ! -e "$reports/report.html" ] ||
    printf 'file://%s\n' "$(cd "$reports" && pwd -P | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')/report.html" ;;
esac
exit "$status"

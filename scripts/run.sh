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
# The page comes last, so that the run ends with its address.
exec "$sabot" run ${allowed[@]+"${allowed[@]}"} --report "json=$reports/record.json,markdown=$reports/report.md,\
junit=$reports/junit.xml,prometheus=$reports/sabot.prom,html=$reports/report.html"

#!/bin/sh
# Checks the Prometheus rules of deploy/ and runs their tests, where promtool is there.
set -eu
cd "$(dirname "$0")/../deploy/prometheus"

if ! promtool=$("../../scripts/setup-promtool.sh" --path); then
    echo "test-rules: left out, for there is no promtool here (\`make setup\` says why)"
    exit 0
fi
timeout 60 "$promtool" check rules ./*.rules.yml
for rules in ./*.rules.yml; do
    test -e "tests/$(basename "$rules" .rules.yml).test.yml" || {
        echo "test-rules: error: $rules has no test in tests/" >&2
        exit 1
    }
done
timeout 120 "$promtool" test rules tests/*.test.yml

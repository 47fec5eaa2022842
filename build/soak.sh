#!/usr/bin/env bash
# In full, every test that leaves a row for docs/acceptance.md, but those of make faults
# and, unless SOAK=all, the rotation of 1,000,000 people and the hour of load. About three
# quarters of an hour on two cores; the hour of load wants both for itself, and a disk.
# Rows go to bin/acceptance; go run ./build/acceptance -rows bin/acceptance makes the page.
set -uo pipefail
cd "$(dirname "$0")/.."
export FACEPROOF_MEASURE=1 FACEPROOF_ACCEPTANCE="$PWD/bin/acceptance"
mkdir -p "$FACEPROOF_ACCEPTANCE"
skip='^(TestFaults.*|TestRotationUnderReaders)$'
[ "${SOAK:-}" = all ] && skip='^TestFaults.*$'
bad=0
for dir in $(git grep -l 'acceptance\.Row{' -- '*_test.go' | xargs -n1 dirname | sort -u); do
  # The name of the test function that each row stands in.
  tests=$(awk '/^func Test/ { t = $2; sub(/\(.*/, "", t) } /acceptance\.Row\{/ { print t }' "$dir"/*_test.go | sort -u | grep -vE "$skip" | paste -sd '|')
  [ -n "$tests" ] || continue
  go test -count=1 -timeout 60m -run "^($tests)\$" "./$dir" || bad=1
done
if [ "${SOAK:-}" = all ]; then
  FACEPROOF_LOAD_SECONDS=${FACEPROOF_LOAD_SECONDS:-3600} go test -tags failpoint -count=1 -timeout 90m -run '^TestFaultsLoad$' ./cmd/faceproof || bad=1
fi
exit $bad

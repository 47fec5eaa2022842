#!/usr/bin/env bash
# make test: sets up what it needs, runs every check, and ends with one line a
# check. Arguments choose checks: lint go web e2e; none means all.
# A failing check does not stop the later ones; the exit status tells.
set -uo pipefail
cd "$(dirname "$0")/.."
want=" ${*:-lint go web e2e} "
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
summary=()
failed=0

has() { [[ $want == *" $1 "* ]]; }

# step NAME COMMAND…: shows the output as it comes.
step() {
  local name=$1 start=$SECONDS rc=0
  shift
  printf '\n\033[1m== %s\033[0m\n' "$name"
  "$@" || rc=$?
  local took=$((SECONDS - start))
  if [ $rc = 0 ]; then
    summary+=("ok    $name (${took} s)")
  else
    summary+=("FAIL  $name (${took} s, exit $rc)")
    failed=1
  fi
  return $rc
}

check_gofmt() {
  local bad
  bad=$(find . \( -name node_modules -o -name .git -o -name data \) -prune -o -name '*.go' -print0 | xargs -0 gofmt -l)
  [ -z "$bad" ] || { echo "not formatted:"; echo "$bad"; return 1; }
}
web_script() { (cd web && npm run --silent "$1"); }
# The size limit of the SDK, gzip -9, in bytes (docs: 40 kB).
check_size() {
  local n f worst=0
  for f in web/dist/faceproof.js web/dist/faceproof.mjs; do
    n=$(gzip -9 -c "$f" | wc -c)
    echo "$f: $n bytes gzip"
    [ "$n" -le "$worst" ] || worst=$n
  done
  [ "$worst" -le 40960 ] || { echo "the SDK is over 40 kB gzip"; return 1; }
}
# Packages where goroutines meet run a second time under the race detector,
# which makes everything ten times as slow: there -short leaves out the tests
# that make one call after another.
races=(./internal/{audit,blob,capture,clock,digits/asr,egress,gallery,imaging,keys,metrics,onnx,registry,server,store,verify,webhook,wechat})
# Of slow packages, the tests that have goroutines.
some_races=(-run '^Test(Concurrent|Gate|Serve|Admin|Keep|Campaign|Sessions)' ./internal/{analysis,eval,face} ./cmd/faceproof)
go_tests() {
  local rc=0
  go test ./... 2>&1 | tee "$out/go.txt"
  rc=$((rc + PIPESTATUS[0]))
  FACEPROOF_ROUNDS=1 go test -race -short "${races[@]}" 2>&1 | tee -a "$out/go.txt"
  rc=$((rc + PIPESTATUS[0]))
  go test -race -short "${some_races[@]}" 2>&1 | tee -a "$out/go.txt"
  rc=$((rc + PIPESTATUS[0]))
  # The list of failures comes again at the end: nobody scrolls.
  [ "$rc" = 0 ] || { echo; echo "failures:"; grep -E '^(--- FAIL|FAIL|panic:|WARNING: DATA RACE)' "$out/go.txt"; }
  return "$rc"
}
e2e_tests() { (cd e2e && npm run --silent unit && npm run --silent test); }
no_host() { # a package registry's host name in a tracked file would tie the build to it
  local pattern='registry[.]npm|npm[m]irror|goprox[y][.]|proxy[.]golang'
  ! git grep -nIE "$pattern" -- . 2>/dev/null
}

setup() {
  local parts=(base)
  has e2e && parts+=(chromium speech)
  build/setup.sh "${parts[@]}" && make --no-print-directory build || return 1
  if has go || has e2e; then make --no-print-directory models-all || return 1; fi
  if has e2e; then make --no-print-directory e2e/node_modules/.stamp || return 1; fi
}

step 'set-up and build' setup || { printf '%s\n' "${summary[@]}"; exit 1; }
if has lint; then
  step 'gofmt' check_gofmt
  step 'go vet' go vet ./...
  step 'staticcheck' go run "$STATICCHECK" ./...
  step 'tsc --noEmit' web_script check
  step 'no registry host names' no_host
  # The scripts that measure peers are no part of the product; their tests take half a second.
  if command -v python3 >/dev/null; then step 'python of the peers' python3 -B -m unittest discover -s eval/peers; fi
fi
if has go; then step 'go test' go_tests; fi
# The small instances of make faults; a release has nothing of what they break.
if has go; then step 'faults, small' go test -tags failpoint -run '^Test(Faults|Set|Kill)' ./internal/failpoint ./internal/store ./cmd/faceproof; fi
if has web; then
  step 'TypeScript tests' web_script test
  step 'SDK size' check_size
fi
if has e2e; then
  step 'clients of others' make --no-print-directory e2e-clients
  step 'browser tests' e2e_tests
fi

printf '\n\033[1m== summary\033[0m\n'
printf '%s\n' "${summary[@]}"
[ $failed = 0 ] && echo 'all passed' || echo 'FAILED'
exit $failed

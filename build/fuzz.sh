#!/usr/bin/env bash
# Runs the fuzz targets one after another. The first argument is the time for each,
# the second a pattern of those that are meant (of "dir name"); all without it:
#   build/fuzz.sh 10m 'imaging|FuzzParseFrame|FuzzReadRecording|provenance|FuzzPicture|FuzzEnrol|FuzzRegister'
# is every way in that a picture has.
set -euo pipefail
each=${1:-10s}
only=${2:-.}
while IFS=: read -r file line; do
  name=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/' <<<"$line")
  dir=$(dirname "$file")
  grep -qE -- "$only" <<<"$dir $name" || continue
  echo "== $dir $name $each"
  go test "$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$each" -fuzzminimizetime 10x
done < <(grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' . | grep -v node_modules)

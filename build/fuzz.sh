#!/usr/bin/env bash
# Runs every fuzz target for a while; the argument is the time for each.
set -euo pipefail
each=${1:-10s}
while IFS=: read -r file line; do
  name=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/' <<<"$line")
  dir=$(dirname "$file")
  echo "== $dir $name $each"
  go test "$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$each" -fuzzminimizetime 10x
done < <(grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*\(' . | grep -v node_modules)

#!/usr/bin/env bash
# Installs one folder's locked npm packages without running their scripts, and
# leaves a stamp that make compares with the lock.
set -euo pipefail
cd "$1"
start=$SECONDS
for try in 1 2 3; do
  if npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
    touch node_modules/.stamp
    echo "   $1: $((SECONDS - start)) s"
    exit 0
  fi
  echo "   npm failed (try $try of 3)" >&2
  sleep $((try * 3))
done
exit 1

#!/usr/bin/env bash
# Measures the product and its peers on the same photos in one run, and writes ratios
# to OUT/report.json, report.md and report.zh.md. See README.md.
# Usage: eval/peers/run.sh PHOTOS[:PHOTOS…] OUT [options of measure.py]
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: eval/peers/run.sh PHOTOS[:PHOTOS…] OUT [options]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
photos=$1 out=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e "$here/node_modules/.stamp" ] || "$root/build/npm-ci.sh" "$here"
(cd "$root" && go build -o "$work/faceproof" ./cmd/faceproof)
# dlib, where Debian's libdlib-dev is installed; the report says when it is not.
if ! g++ -O3 -march=native -std=c++17 "$here/dlibhog.cpp" -o "$work/dlibhog" $(pkg-config --libs dlib-1 2>/dev/null || echo -ldlib) -ljpeg -lpthread 2>"$work/dlib.log"; then
  echo "   dlib is left out: $(head -n 1 "$work/dlib.log")" >&2
fi
export GOMAXPROCS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Debian's own Python, for Debian's OpenCV.
exec_python=${PEERS_PYTHON:-/usr/bin/python3}
"$exec_python" "$here/measure.py" --work "$work" --photos "$photos" --out "$out" --shared "${FACEPROOF_SHARED:-$root/../shared}" "$@"

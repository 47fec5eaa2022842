#!/bin/sh
# Rebuilds models/digits from the recordings and the synthesisers; see README.md.
# usage: train.sh RECORDINGS [WORK]
set -eu
cd "$(dirname "$0")"
real=${1:?the folder with manifest.json}
work=${2:-../../../data/digits-train}
folds= names=${FOLDS:-f1 f2}
steps=${STEPS:-8000}
clips=${CLIPS:-2500}
out=${OUT:-../../digits}
warps=${WARPS:-0.95,1,1.05}
export OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
py="nice -n 10 ${PYTHON:-/usr/bin/python3}"
mkdir -p "$work"
# Two voices come in a Go module; a folder may be given instead.
captcha=${CAPTCHA:-$(cd "$work" && go mod download -json github.com/mojocn/base64Captcha@v1.3.8 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')}
[ -s "$work/es0.npz" ] || $py synth.py "$work/es0.npz" espeak 0 100
[ -s "$work/es100.npz" ] || $py synth.py "$work/es100.npz" espeak 100 100
[ -s "$work/garbage.npz" ] || $py synth.py "$work/garbage.npz" espeak 1000 24
[ -s "$work/diphone.npz" ] || $py synth.py "$work/diphone.npz" diphone
[ -s "$work/accents.npz" ] || $py synth.py "$work/accents.npz" accents
[ -s "$work/form1.npz" ] || $py formant.py "$work/form1.npz" 220
[ -s "$work/voices.npz" ] || $py voices.py "$work/voices.npz" "$work/heldout.npz" "$captcha" "${ROOT:-/}"
pool() { # share of recorded voices, name
	for seed in 1 2 3 4; do
		[ -s "$work/$2$seed.npz" ] || $py pool.py "$work/$2$seed.npz" "$clips" "$((100 * (1 + $1) + seed))" "$1" "$real" "$work/voices.npz" \
			"$work/es0.npz" "$work/es100.npz" "$work/diphone.npz" "$work/form1.npz" "$work/accents.npz"
	done
}
pool 0 syn
pool 1 real
# Synthetic speech alone first: every network below goes on from there.
[ -s "$work/base.pt" ] || $py train.py "$work/base.pt" --pool "$work/syn[0-9].npz" --steps "$steps"
go_on() { # name, from, rate, steps, more
	n=$1 i=$2 r=$3 s=$4
	shift 4
	[ -s "$work/$n.pt" ] || $py train.py "$work/$n.pt" --init "$work/$i.pt" --rate "$r" --steps "$s" --pool "$work/syn[0-9].npz" "$work/real[0-9].npz" "$@"
}
# The folds: thresholds come from voices that a network never heard.
for fold in $names; do
	go_on "$fold" base 2e-3 "$((steps / 2))" --fold "$fold"
	folds="$folds $fold=$work/$fold.pt"
done
# What ships goes on from the first fold, with all permitted voices.
go_on all "${names%% *}" 1.6e-3 "$((steps / 2))" --seed 8
$py calibrate.py "$work/all.pt" "$real" "$out" "$work/garbage.npz" $folds --packaged "$work/voices.npz" --speech "$work/heldout.npz" --warps "$warps" ${STRINGS:+--strings "$STRINGS"}
# With CURVE=1, the error against the number of recorded voices.
[ -z "${CURVE:-}" ] || $py curve.py "$work/base.pt" "$work" "$real" "$work/voices.npz" "${OUT:-.}/curve.json" --steps "$((steps / 12 + 1))" --pool "$work/syn[0-9].npz" "$work/real[0-9].npz"

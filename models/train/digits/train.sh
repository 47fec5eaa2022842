#!/bin/sh
# Rebuilds models/digits from the recordings and the synthesisers; see README.md.
# usage: train.sh RECORDINGS [WORK]
set -eu
cd "$(dirname "$0")"
real=${1:?the folder with manifest.json}
work=${2:-../../../data/digits-train}
jobs=${JOBS:-2}
folds= names=${FOLDS:-f1}
steps=${STEPS:-4000}
export OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
py="nice -n 10 ${PYTHON:-/usr/bin/python3}"
mkdir -p "$work"
[ -s "$work/es0.npz" ] || $py synth.py "$work/es0.npz" espeak 0 100
[ -s "$work/es100.npz" ] || $py synth.py "$work/es100.npz" espeak 100 100
[ -s "$work/garbage.npz" ] || $py synth.py "$work/garbage.npz" espeak 1000 24
[ -s "$work/diphone.npz" ] || $py synth.py "$work/diphone.npz" diphone
[ -s "$work/form1.npz" ] || $py formant.py "$work/form1.npz" 220
pools=
for seed in 1 2 3 4; do
	[ -s "$work/pool$seed.npz" ] || $py pool.py "$work/pool$seed.npz" "${CLIPS:-1500}" $seed "$real" \
		"$work/es0.npz" "$work/es100.npz" "$work/diphone.npz" "$work/form1.npz"
	pools="$pools $work/pool$seed.npz"
done
# The folds first: thresholds come from voices that a network never heard.
for fold in $names; do
	[ -s "$work/$fold.pt" ] || $py train.py "$work/$fold.pt" --pool $pools --fold "$fold" --steps "$steps" --workers "$jobs"
	folds="$folds $fold=$work/$fold.pt"
done
# What ships goes on from the first fold, with all permitted voices.
[ -s "$work/all.pt" ] || $py train.py "$work/all.pt" --pool $pools --init "$work/${names%% *}.pt" --rate 1.5e-3 --steps "$((steps / 2))" --workers "$jobs"
$py calibrate.py "$work/all.pt" "$real" ../../digits "$work/garbage.npz" $folds

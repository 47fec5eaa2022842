"""Exports the network that ships, sets its thresholds from voices that the networks
of the folds never heard, and measures it on the voices that none ever hears.

usage: calibrate.py ALL.pt RECORDINGS OUT_DIR GARBAGE.npz FOLD=FOLD.pt... [--packaged VOICES.npz] [--speech HELD-OUT.npz] [--warps W] [--strings N]"""
import argparse
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import torch

import export
from corpus import HERE, SPLITS, Synthetic, recordings
from features import CLASSES
from measure import DIGIT, Recogniser, garbage, quiet, score, thin, things, tokens, verification

FARS = (1e-2, 1e-3, 1e-4)
KINDS = ("recorded speech", "speech", "paced speech", "babble", "noise", "music", "clicks", "silence")


def rates(trials, taus):
    """False rejects and accepts of trials by language, n and noise at fixed thresholds, count rule included."""
    rows = []
    for lang in ("zh", "en"):
        for n in (4, 6):
            for snr in (None, 20, 10, 5):
                t = [r for r in trials if (r["lang"], r["n"], r["snr"]) == (lang, n, snr)]
                if t:
                    ok = np.array([n - 2 <= r["g"] <= n + 3 for r in t])
                    row = {"language": lang, "n": n, "snr_db": snr, "strings": len(t), "read_right": round(float(np.mean([r["right"] for r in t])), 3),
                           "all_but_one_better": round(float(np.mean([r["b"] >= n - 1 for r in t])), 3)}
                    for far in FARS:
                        tau = taus[n, far]
                        row["frr@%g" % far] = round(float(1 - np.mean([r["a"] >= tau for r in t] & ok)), 3)
                        row["far@%g" % far] = round(float(np.mean([(r["far"] >= tau).mean() for r in t])), 5)
                    rows.append(row)
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("root")
    p.add_argument("out")
    p.add_argument("garbage")
    p.add_argument("folds", nargs="+")
    p.add_argument("--strings", type=int, default=24)
    p.add_argument("--note", default="")
    p.add_argument("--name", default="digits-2")
    p.add_argument("--packaged", help="what voices.py read")
    p.add_argument("--speech", help="recorded speech that no network heard")
    p.add_argument("--warps", default="1", help="of the mel axis, over which the answer is averaged")
    a = p.parse_args()
    torch.set_num_threads(1)
    onnx = os.path.join(a.out, "digits.onnx")
    export.main(a.model, onnx, a.warps)
    subprocess.run([sys.executable, os.path.join(HERE, "parity.py"), os.path.join(a.out, "testdata", "parity.json"), a.model, a.warps], check=True)
    warps = [float(f) for f in a.warps.split(",")]
    other = Synthetic(a.garbage)
    packaged = Synthetic(a.packaged) if a.packaged else None
    spoken = Synthetic(a.speech) if a.speech else None
    trials, folds = [], {}
    for f in a.folds:
        name, path = f.split("=")
        rec = Recogniser(path, warps)
        voices = SPLITS["folds"][name]
        real = thin(recordings(a.root, set(voices), packaged), 60)
        t = verification(rec, real, other, a.strings)
        trials += t
        folds[name] = {"voices": voices, "tokens": tokens(rec, real)}
    ship = Recogniser(a.model, warps)
    rng = np.random.default_rng(99)
    junk = {}
    for kind in KINDS:
        if kind == "recorded speech" and not spoken:
            continue
        count = 1 if kind == "silence" else {"recorded speech": 24, "speech": 12, "paced speech": 16}.get(kind, 4)
        source = spoken if kind == "recorded speech" else other
        junk[kind] = {n: garbage(ship, things(np.random.default_rng(5), source, kind.replace("recorded ", ""), count), n, 400, rng) for n in (4, 6)}
    taus, lines = {}, []
    for n in (4, 6):
        for far in FARS:
            tau = -99.0
            for lang in ("zh", "en"):  # the stricter language, all noises together
                f = [r["far"] for r in trials if r["n"] == n and r["lang"] == lang]
                if f:
                    tau = max(tau, float(np.quantile(np.concatenate(f), 1 - far)))
            # what is not digits passes at most one in a thousand, with the rule of their number
            for kinds in (KINDS[:1], KINDS[1:3], KINDS[3:]):
                f = np.concatenate([[-99.0]] + [s for kind in kinds if kind in junk for _, s in junk[kind][n]])
                tau = max(tau, float(np.quantile(f, 1 - 1e-3)))
            taus[n, far] = round(min(tau, -0.01) + 0.005, 2)
            lines.append({"n": n, "far": far, "min_a": taus[n, far]})
    real = recordings(a.root, set(SPLITS["evaluate"]))
    final = verification(ship, {v: t for v, t in real.items() if len(t) > 1}, other, a.strings)
    connected = []
    for v, items in real.items():
        for l, x in items:
            if len(l) > 1:
                connected.append({"voice": v, "said": "".join(str(DIGIT[c]) for c in l),
                                  "heard": "".join(map(str, score(ship(quiet(np.random.default_rng(1), np.concatenate([np.zeros(4800), x, np.zeros(4800)]))), np.array([[DIGIT[c] for c in l]]))[2]))})
    out = {"model": a.name, "sha256": hashlib.sha256(open(onnx, "rb").read()).hexdigest(), "features": "logmel40-v2", "frame_ms": 30,
           "classes": CLASSES, "thresholds": lines,
           "report": {"note": a.note, "held_out_folds": folds, "held_out": rates(trials, taus),
                      "evaluation_voices": {"tokens": tokens(ship, real), "connected": connected, "strings": rates(final, taus)},
                      "not_digits": {k: {"clips": len(v[6]), "digits_mean": round(float(np.mean([g for g, _ in v[6]])), 2),
                                         "accepted@0.001": {str(n): round(float(np.mean([(s >= taus[n, 1e-3]).mean() for _, s in v[n]])), 5) for n in (4, 6)}}
                                     for k, v in junk.items()}},
           "data": {"train": SPLITS["train"], "evaluate": SPLITS["evaluate"], "sources": "models/train/digits/sources.json"}}
    with open(os.path.join(a.out, "digits.json"), "w") as f:
        json.dump(out, f, indent=1, default=lambda v: v.item(), ensure_ascii=False)
        f.write("\n")
    print(json.dumps({"thresholds": lines, "report": out["report"]}, indent=1, default=lambda v: v.item()))


if __name__ == "__main__":
    main()

"""The error on voices never heard against the number of recorded voices in the
training: one network of synthetic speech alone goes on with 0, 1, 2 ... of them, each
time for the same number of steps, and hears the voices of fold f1 and those that no
training hears.

usage: curve.py BASE.pt WORK RECORDINGS VOICES.npz OUT.json [--steps N] --pool P.npz...

A network that is in WORK already is not trained again. A power law through the points
says, roughly, how many voices an error of three in a hundred takes."""
import argparse
import json
import os
import subprocess
import sys

import numpy as np
import torch

from corpus import HERE, SPLITS, Synthetic, recordings
from measure import Recogniser, thin, tokens

# The voices of a run, one language after the other; two draws of most numbers.
ZH = ["yuetan", "gcin_liu", "davin", "captcha_zh"], ["davin", "captcha_zh", "gcin_liu", "yuetan"]
EN = ["fsdd_jackson", "fsdd_nicolas", "allison", "fsdd_lucas", "captcha_en"], ["allison", "fsdd_lucas", "captcha_en", "fsdd_nicolas", "fsdd_jackson"]
RUNS = [(0, 0, 0), (1, 1, 0), (1, 1, 1), (2, 2, 0), (2, 2, 1), (3, 4, 0), (3, 4, 1), (4, 5, 0)]  # zh, en, draw
GOAL = 0.03


def law(points):
    """e = a (k + 1)^-b through (k, e), least squares of log e; k at which e is GOAL."""
    k, e = np.array([p[0] for p in points], float), np.clip([p[1] for p in points], 0.005, 1)
    if len(set(k)) < 2:
        return None
    b, a = np.polyfit(np.log(k + 1), np.log(e), 1)
    needed = np.exp(min((np.log(GOAL) - a) / b, 13.8)) - 1 if b < 0 else 1e6  # a million stands for never
    return float(np.exp(a)), float(-b), float(needed)


def spread(points, rng, count=1000):
    """The law's b and number of voices, 5 to 95 %, when runs and, within each, held-out
    voices are drawn again. points: (k, [(wrong, of) of each held-out voice])."""
    out = []
    for _ in range(count):
        some = [points[i] for i in rng.integers(0, len(points), len(points))]
        n = len(points[0][1])
        voices = rng.integers(0, n, n)
        l = law([(k, np.mean([rng.binomial(of, wrong / of) / of for wrong, of in (v[i] for i in voices)])) for k, v in some])
        if l:
            out.append((l[1], max(l[2], 0)))
    return [[float(np.quantile([o[j] for o in out], q)) for q in (0.05, 0.95)] for j in (0, 1)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("base")
    p.add_argument("work")
    p.add_argument("root")
    p.add_argument("packaged")
    p.add_argument("out")
    p.add_argument("--steps", type=int, default=800)
    p.add_argument("--pool", nargs="+")
    a = p.parse_args()
    torch.set_num_threads(1)
    held = SPLITS["folds"]["f1"]
    real = thin(recordings(a.root, set(held + SPLITS["evaluate"]), Synthetic(a.packaged)), 60)
    runs = []
    for zh, en, draw in RUNS:
        path = os.path.join(a.work, "curve-%d-%d-%d.pt" % (zh, en, draw))
        voices = ZH[draw][:zh] + EN[draw][:en]
        if not os.path.exists(path):
            subprocess.run([sys.executable, os.path.join(HERE, "train.py"), path, "--init", a.base, "--fold", "f1", "--steps", str(a.steps), "--rate", "1.5e-3",
                            "--pool", *a.pool, "--only", *voices], check=True)
        t = tokens(Recogniser(path), real)
        runs.append({"zh": zh, "en": en, "voices": voices, "error": {v: {k: r[k] for k in ("n", "wrong", "wrong_language_known")} for v, r in t.items()}})
        print(runs[-1], flush=True)
    rng = np.random.default_rng(3)
    fits = {}
    for lang, zh in (("zh", True), ("en", False)):
        for which, names in (("held out", held), ("never used", SPLITS["evaluate"]), ("together", held + SPLITS["evaluate"])):
            names = [v for v in names if v in runs[0]["error"] and (real[v][0][0][0] < 12) == zh]
            for key in ("wrong", "wrong_language_known"):
                points = [(r[lang], [(r["error"][v][key], r["error"][v]["n"]) for v in names]) for r in runs]
                l = law([(k, np.mean([w / n for w, n in v])) for k, v in points])
                s = spread(points, rng)
                fits["%s, %s, %s" % (lang, which, key)] = {"voices": names, "points": [[k, round(float(np.mean([w / n for w, n in v])), 4)] for k, v in points],
                                                          "a": l[0], "b": l[1], "b_90": s[0], "needed": l[2], "needed_90": s[1]}
    with open(a.out, "w") as f:
        json.dump({"goal": GOAL, "steps": a.steps, "runs": runs, "fits": fits}, f, indent=1)
    for k, v in fits.items():
        print(k, v)


if __name__ == "__main__":
    main()

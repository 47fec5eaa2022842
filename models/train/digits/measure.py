"""Measures a recogniser on voices that it never heard.

usage: measure.py MODEL.pt RECORDINGS VOICES(comma)|fN [--packaged VOICES.npz] [--json OUT] [--other SYNTH.npz] [--strings N] [--tokens-only]"""
import argparse
import json
import subprocess
import zlib

import numpy as np
import torch

import sound
from corpus import SPLITS, Synthetic, recordings
from features import CLASSES, features
from model import load_all

LANGS = {"all": [[i for i, c in enumerate(CLASSES) if c[2:] in ks] for ks in
                 [["0", "o"], ["1", "y"]] + [[str(d)] for d in range(2, 10)]]}
LANGS["zh"] = [[i for i in v if i < 12] for v in LANGS["all"]]
LANGS["en"] = [[i for i in v if i >= 12] for v in LANGS["all"]]
DIGIT = np.array([-1] + list(range(10)) + [1] + list(range(10)) + [0])


class Recogniser:
    def __init__(self, path, factors=(1.0,)):
        self.net = load_all(path, factors)

    def __call__(self, x):
        with torch.no_grad():
            return self.net(torch.from_numpy(features(x))[None])[0].numpy().astype(np.float64)


def merge(logp, lang="all"):
    """Log-probabilities of blank and the ten digits, ways to say a digit summed."""
    p = np.exp(logp)
    return np.log(np.stack([p[:, 0]] + [p[:, v].sum(1) for v in LANGS[lang]], 1) + 1e-12)


def forward(m, strings):
    """Exact CTC log-likelihood of each row of strings (digits) under merged m, scaled probabilities."""
    s, n = strings.shape
    ext = np.zeros((s, 2 * n + 1), int)
    ext[:, 1::2] = strings + 1
    skip = np.zeros(ext.shape)
    skip[:, 3::2] = ext[:, 3::2] != ext[:, 1:-2:2]
    p = np.exp(m)
    a = np.zeros(ext.shape)
    a[:, 0], a[:, 1] = p[0, 0], p[0, ext[:, 1]]
    total = np.zeros(s)
    for t in range(1, len(p)):
        b = a.copy()
        b[:, 1:] += a[:, :-1]
        b[:, 2:] += a[:, :-2] * skip[:, 2:]
        a = b * p[t][ext]
        c = a.sum(1) + 1e-300
        a /= c[:, None]
        total += np.log(c)
    return total + np.log(a[:, -1] + a[:, -2] + 1e-300)


def greedy(m):
    """Digits of the best path of merged rows."""
    best = m.argmax(1)
    return [int(c) - 1 for c in best[np.concatenate([[True], best[1:] != best[:-1]])] if c]


def score(logp, strings):
    """Log-likelihood of each string in the language in which it fits better (nobody
    changes the language half way), and the digits that a greedy reading finds in it."""
    l, g = [], []
    for lang in ("zh", "en"):
        m = merge(logp, lang)
        l.append(forward(m, strings))
        g.append(greedy(m))
    own = np.argmax(l, 0)
    return np.max(l, 0), np.array([len(x) for x in g])[own], g[own[0]]


def string(rng, tokens, n, paced):
    """A string of n digits cut from a voice's tokens: digits, samples."""
    want = [d for d in range(10) if any(DIGIT[l[0]] == d for l, _ in tokens)]
    digits, parts = [], [np.zeros(int(rng.uniform(4000, 9000)))]
    for _ in range(n):
        d = want[rng.integers(len(want))]
        while len(digits) > 1 and digits[-1] == digits[-2] == d:
            d = want[rng.integers(len(want))]
        same = [x for l, x in tokens if DIGIT[l[0]] == d]
        digits.append(d)
        x = same[rng.integers(len(same))]
        gap = max(0.1, rng.uniform(0.9, 1.6) - len(x) / 16000) if paced else rng.uniform(0.05, 0.35)
        parts += [x * 10 ** (rng.uniform(-3, 0) / 20), np.zeros(int(16000 * gap))]
    return np.array(digits), np.concatenate(parts)


def quiet(rng, x, db=-70):
    return x + 10 ** (db / 20) * rng.normal(0, 1, len(x))


def impostors(rng, truth, count):
    """Random strings under the challenge's rule, other than the truth."""
    s = rng.integers(0, 10, (2 * count, len(truth)))
    bad = ((s[:, 2:] == s[:, 1:-1]) & (s[:, 1:-1] == s[:, :-2])).any(1) | (s == truth).all(1)
    return s[~bad][:count]


def trial(rec, rng, x, truth, count):
    """Scores of the truth, of other random strings, of one wrong digit; all in one forward pass."""
    logp = rec(x)
    n = len(truth)
    near = np.repeat(truth[None], 9 * n, 0)
    for i in range(n):
        near[9 * i:9 * i + 9, i] = [d for d in range(10) if d != truth[i]]
    l, g, read = score(logp, np.concatenate([truth[None], near, impostors(rng, truth, count)]))
    l = l / n
    return {"a": l[0], "far": np.where((g >= n - 2) & (g <= n + 3), l, -99)[1 + 9 * n:], "g": g[0], "right": read == list(truth),
            "b": int((l[0] > l[1:1 + 9 * n].reshape(n, 9).max(1)).sum()), "near": l[1:1 + 9 * n]}


def thin(real, most):
    """At most so many recordings of a voice, of all its digits."""
    return {v: [t[int(i)] for i in np.linspace(0, len(t) - 1, min(most, len(t)))] for v, t in sorted(real.items())}


def tokens(rec, real):
    out = {}
    for v, items in real.items():
        wrong = {"all": 0, "own": 0}
        n = 0
        confusions = []
        for l, x in items:
            if len(l) > 1:
                continue
            n += 1
            rng = np.random.default_rng(zlib.crc32(x.tobytes()))
            x = np.concatenate([np.zeros(6400), x, np.zeros(6400)])
            logp = rec(quiet(rng, x))
            for k in wrong:
                m = merge(logp, {"all": "all", "own": "zh" if l[0] < 12 else "en"}[k])
                best = forward(m, np.arange(10)[:, None]).argmax()
                wrong[k] += int(best != DIGIT[l[0]])
                if k == "all" and best != DIGIT[l[0]]:
                    confusions.append("%d>%d" % (DIGIT[l[0]], best))
        if n:
            out[v] = {"n": n, "wrong": wrong["all"], "wrong_language_known": wrong["own"],
                      "interval": wilson(wrong["all"], n), "confusions": " ".join(sorted(set(confusions)))}
    return out


def wilson(k, n, z=1.96):
    p, d = k / n, 1 + z * z / n
    c, h = (p + z * z / 2 / n) / d, z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5 / d
    return [round(max(0.0, c - h), 3), round(min(1.0, c + h), 3)]


def verification(rec, real, syn, count, others=300):
    out = []
    voices = [v for v in sorted(real) if len({DIGIT[l[0]] for l, _ in real[v] if len(l) == 1}) >= 8]
    for n in (4, 6):
        for snr in (None, 20, 10, 5):
            rng = np.random.default_rng(n * 100 + (snr or 99))
            for i in range(count):
                v = voices[i % len(voices)]
                d, x = string(rng, [t for t in real[v] if len(t[0]) == 1], n, paced=i // len(voices) % 3 < 2)
                if snr is not None:
                    if i % 2 and syn:
                        y = syn.babble(rng, len(x))
                    else:
                        y = sound.coloured(rng, len(x), 1)
                    x = x + y * (sound.level(x) / sound.level(y) * 10 ** (-snr / 20))
                r = trial(rec, rng, quiet(rng, x), d, others)
                out.append({**r, "n": n, "snr": snr, "voice": v, "lang": "zh" if real[v][0][0][0] < 12 else "en"})
    return out


def garbage(rec, clips, n, count, rng):
    """Scores of random strings on sounds that are not digits, -99 where the number of digits is wrong; greedy digits."""
    out = []
    for x in clips:
        l, g, read = score(rec(quiet(rng, x, -75)), rng.integers(0, 10, (count, n)))
        out.append((len(read), np.where((g >= n - 2) & (g <= n + 3), l / n, -99)))
    return out


def things(rng, syn, kind, count):
    """Clips of about 8 s that hold no digits."""
    n = 8 * 16000
    for _ in range(count):
        if kind == "speech":
            voice = list(syn.other)[rng.integers(len(syn.other))]
            x = np.zeros(0)
            while len(x) < n:
                c = syn.other[voice]
                x = np.concatenate([x, c[rng.integers(len(c))], np.zeros(int(rng.uniform(0, 9000)))])
            yield x[:n]
        elif kind == "paced speech":  # one short word where a digit is asked for
            voice = list(syn.other)[rng.integers(len(syn.other))]
            x = np.zeros(n)
            at = 6000
            while at < n - 20000:
                c = syn.other[voice]
                y = c[rng.integers(len(c))][:9600]
                x[at:at + len(y)] += y
                at += int(16000 * rng.uniform(0.9, 1.6))
            yield x
        elif kind == "babble":
            yield syn.babble(rng, n) * 0.2
        elif kind == "noise":
            yield sound.coloured(rng, n, rng.uniform(0, 2)) * 10 ** rng.uniform(-3, -0.5)
        elif kind == "music":
            y = sound.music(rng, n)
            yield y / np.abs(y).max() * 0.5
        elif kind == "clicks":
            y = sound.clicks(rng, n)
            yield y / np.abs(y).max() * 0.5
        else:
            yield np.zeros(n)


def video_sound(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", "16000", "-f", "s16le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, "<i2") / 32768


def summary(trials, far=1e-3):
    """Accuracy and false rejects at a false accept rate, by n and noise and language."""
    rows = []
    for lang in ("zh", "en"):
        for n in (4, 6):
            for snr in (None, 20, 10, 5):
                t = [r for r in trials if r["n"] == n and r["snr"] == snr and r["lang"] == lang]
                if not t:
                    continue
                f = np.concatenate([r["far"] for r in t])
                a = np.array([r["a"] for r in t])
                row = {"lang": lang, "n": n, "snr_db": snr, "strings": len(t), "right": round(np.mean([r["right"] for r in t]), 3),
                       "count_rule": round(np.mean([n - 2 <= r["g"] <= n + 3 for r in t]), 3),
                       "better_n-1": round(np.mean([r["b"] >= n - 1 for r in t]), 3)}
                for q in (1e-2, 1e-3, 1e-4):
                    tau = np.quantile(f, 1 - q)
                    row["frr_at_%g" % q] = round(float(np.mean(a <= tau)), 3)
                    row["tau_at_%g" % q] = round(float(tau), 2)
                rows.append(row)
    return rows


if __name__ == "__main__":
    a = argparse.ArgumentParser()
    a.add_argument("model")
    a.add_argument("root")
    a.add_argument("voices")
    a.add_argument("--packaged")
    a.add_argument("--warps", default="1")
    a.add_argument("--json")
    a.add_argument("--other")
    a.add_argument("--strings", type=int, default=60)
    a.add_argument("--tokens-only", action="store_true")
    a.add_argument("--most", type=int, default=60, help="tokens of a voice")
    a = a.parse_args()
    torch.set_num_threads(1)
    rec = Recogniser(a.model, [float(f) for f in a.warps.split(",")])
    names = set(SPLITS["folds"].get(a.voices) or a.voices.split(","))
    real = thin(recordings(a.root, names, Synthetic(a.packaged) if a.packaged else None), a.most)
    tok = tokens(rec, real)
    for v, r in tok.items():
        print("%-14s %3d/%3d wrong (%d when the language is known)  %s  %s" % (v, r["wrong"], r["n"], r["wrong_language_known"], r["interval"], r["confusions"]))
    for lang in ("zh", "en"):
        own = [r for v, r in tok.items() if (real[v][0][0][0] < 12) == (lang == "zh")]
        if own:
            print(lang, "mean of %d voices: %.1f %% wrong, %.1f %% when the language is known" % (len(own), 100 * np.mean([r["wrong"] / r["n"] for r in own]),
                                                                                        100 * np.mean([r["wrong_language_known"] / r["n"] for r in own])))
    for v, items in real.items():
        for l, x in items:
            if len(l) > 1:
                print(v, "heard", score(rec(quiet(np.random.default_rng(1), np.concatenate([np.zeros(4800), x, np.zeros(4800)]))), np.array([[DIGIT[c] for c in l]]))[2],
                      "of", [int(DIGIT[c]) for c in l])
    if not a.tokens_only:
        tr = verification(rec, real, Synthetic(a.other) if a.other else None, a.strings)
        rows = summary(tr)
        for r in rows:
            print(" ".join("%s=%s" % (k, v) for k, v in r.items()))
        if a.json:
            json.dump({"tokens": tok, "rows": rows}, open(a.json, "w"), indent=1)

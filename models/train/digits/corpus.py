"""The sounds of a training run, by voice: recordings and synthetic speech."""
import json
import os

import numpy as np

from features import CLASSES, read_wav

HERE = os.path.dirname(os.path.abspath(__file__))


def merged(paths):
    """One splits.json of several: the recordings of an operator bring their own."""
    out = {"train": [], "evaluate": [], "folds": {}}
    for path in paths:
        s = json.load(open(path))
        out["train"] += s["train"]
        out["evaluate"] += s["evaluate"]
        for name, voices in s["folds"].items():
            out["folds"].setdefault(name, []).extend(voices)
    assert not set(out["train"]) & set(out["evaluate"]), "a voice is both trained on and judged by"
    return out


SPLITS = merged(os.environ.get("SPLITS", os.path.join(HERE, "splits.json")).split(os.pathsep))
INDEX = {c: i for i, c in enumerate(CLASSES)}


def ids(lang, labels):
    """Class numbers of the labels of a recording: 'y' is yao, 'o' is oh."""
    return [INDEX[lang + c] for c in labels]


def recordings(root, voices, packaged=None):
    """voice -> [(labels, samples)] of the named voices; root holds manifest.json, and may be several folders (a:b);
    packaged is what voices.py read."""
    out = {v: list(t) for v, t in packaged.digits.items() if v in voices} if packaged else {}
    for folder in root.split(os.pathsep):
        for item in json.load(open(os.path.join(folder, "manifest.json")))["items"]:
            if item["speaker"] in voices:
                out.setdefault(item["speaker"], []).append((ids(item["lang"], item["labels"]), read_wav(os.path.join(folder, item["file"]))))
    return out


class Synthetic:
    """voice -> digit clips, digits in other tones, and speech that is not digits, from
    synth.py, formant.py and voices.py."""

    def __init__(self, *paths):
        self.digits, self.tones, self.other = {}, {}, {}
        for path in paths:
            d = np.load(path)
            pcm, at, voice, kind, labels = (d[k] for k in ("pcm", "at", "voice", "kind", "labels"))
            for i in range(len(voice)):
                x = pcm[at[i]:at[i + 1]].astype(np.float32) / 32768
                if kind[i] in ("digit", "tone"):
                    cs = [INDEX[c] for c in labels[i].split()]
                    (self.digits if kind[i] == "digit" else self.tones).setdefault(str(voice[i]), []).append((cs, x))
                else:
                    self.other.setdefault(str(voice[i]), []).append(x)
        self.speech = [x for v in self.other.values() for x in v]

    def babble(self, rng, n):
        y = np.zeros(n, np.float32)
        for _ in range(rng.integers(1, 8)):
            at = 0
            g = rng.uniform(0.3, 1)
            while at < n:
                x = self.speech[rng.integers(len(self.speech))]
                m = min(len(x), n - at)
                y[at:at + m] += g * x[:m]
                at += m + int(rng.uniform(0, 4000))
        return y

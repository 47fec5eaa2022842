"""A formant synthesiser of its own for Mandarin digits: many speakers by drawing the
vocal tract, the voice and the habits of each, where the packaged synthesisers have few.

usage: formant.py OUT.npz [VOICES]"""
import sys

import numpy as np

from sound import NFFT, STEP, istft, resample, stft
from synth import trim

# an adult man's formants, Hz
V = {"i": (290, 2250, 2950, 3550), "u": (330, 690, 2400, 3300), "a": (800, 1250, 2550, 3500), "A": (780, 1450, 2550, 3500),
     "o": (500, 860, 2450, 3350), "e": (490, 1350, 2450, 3450), "E": (450, 1950, 2600, 3500), "r": (700, 1250, 1950, 3200),
     "R": (480, 1380, 1700, 3100), "z": (370, 1380, 2600, 3450), "l": (350, 1200, 2700, 3400), "n": (270, 1500, 2400, 3400),
     "N": (280, 1050, 2250, 3300), "m": (260, 1000, 2200, 3300), "y": (320, 1900, 2300, 3300), "B": (300, 850, 2250, 3300)}
# frication: centre Hz, width in octaves
F = {"s": (6200, 0.45), "x": (4300, 0.5), "h": (1800, 1.0), "f": (4500, 1.2), "b": (900, 1.0), "t": (3800, 0.8), "g": (1700, 0.6)}
# onset: a list of (kind, formants, shortest, longest ms, voicing, frication)
ONSETS = {"": [], "y": [("i", 30, 80, 0.8, "", 0)], "w": [("u", 30, 80, 0.7, "", 0)], "l": [("l", 40, 90, 0.45, "", 0)],
          "n": [("n", 40, 90, 0.4, "", 0)], "m": [("m", 40, 90, 0.4, "", 0)], "s": [("e", 80, 190, 0, "s", 1)],
          "x": [("i", 90, 180, 0, "x", 1)], "q": [("i", 20, 60, 0, "", 0), ("i", 70, 160, 0, "x", 1.2)],
          "j": [("i", 20, 50, 0, "", 0), ("i", 30, 80, 0, "x", 1)], "b": [("B", 20, 60, 0, "", 0), ("B", 8, 18, 0.1, "b", 0.7)],
          "d": [("e", 20, 60, 0, "", 0), ("e", 8, 18, 0.1, "t", 0.8)], "t": [("e", 20, 60, 0, "", 0), ("e", 40, 100, 0, "t", 0.6)],
          "g": [("e", 20, 60, 0, "", 0), ("e", 12, 28, 0.1, "g", 0.7)], "h": [("a", 60, 130, 0, "h", 0.5)], "f": [("B", 70, 140, 0, "f", 0.4)]}
RIMES = {"i": "i", "u": "u", "a": "a", "ing": "ieN", "in": "in", "an": "An", "ang": "aN", "iu": "iou", "ou": "ou", "ao": "au",
         "iao": "iau", "er": "rR", "z": "z", "e": "e", "ei": "Ei", "ai": "Ai", "ie": "iE", "ia": "ia", "uo": "uo", "eng": "eN", "en": "en", "ian": "iEn", "v": "y"}
DIGITS = {"zh0": ("l", "ing", 2), "zh1": ("y", "i", 1), "zh2": ("", "er", 4), "zh3": ("s", "an", 1), "zh4": ("s", "z", 4), "zh5": ("w", "u", 3),
          "zh6": ("l", "iu", 4), "zh7": ("q", "i", 1), "zh8": ("b", "a", 1), "zh9": ("j", "iu", 3), "zhy": ("y", "iao", 1)}
NEAR = {("n", "ing"), ("l", "in"), ("n", "in"), ("n", "iu"), ("s", "ang"), ("", "i"), ("", "u"), ("w", "u"), ("y", "iao"), ("", "iao"), ("j", "i"), ("x", "i"),
        ("d", "iu"), ("q", "iu"), ("x", "iu"), ("y", "ao"), ("", "ao"), ("t", "iu"), ("", "a"), ("d", "a"), ("", "e")}
OTHERS = [(o, r) for o in ONSETS for r in RIMES
          if (o, r) not in NEAR and (o, r) not in {(a, b) for a, b, _ in DIGITS.values()} and r not in ("er", "z")]
TONES = {1: (1, 1, 1), 2: (0.3, 0.4, 0.95), 3: (0.35, 0.0, 0.25), 4: (1.1, 0.7, 0.0)}
HZ = np.arange(NFFT // 2 + 1) * 16000 / NFFT


class Speaker:
    def __init__(self, rng):
        self.rng = rng
        self.size = rng.uniform(0.86, 1.3)
        self.each = np.exp(rng.normal(0, 0.05, 4))  # of the formants
        self.vowel = {k: np.exp(rng.normal(0, 0.06, 4)) for k in V}  # accent
        self.f0 = rng.uniform(80, 150) if self.size < 1.05 else rng.uniform(140, 300)
        self.span = rng.uniform(0.25, 0.9)
        self.broad = rng.uniform(0.7, 2.2)
        self.tilt = rng.uniform(-16, -6)
        self.breath = 10 ** rng.uniform(-2.2, -0.7)
        self.jitter = rng.uniform(0.002, 0.02)
        self.hiss = rng.uniform(0.5, 2)
        self.fric = {k: (c * np.exp(rng.normal(0, 0.12)), w * rng.uniform(0.6, 1.5)) for k, (c, w) in F.items()}
        self.rate = rng.uniform(0.7, 1.4)
        self.glide = rng.uniform(15, 45)
        self.plain = rng.random() < 0.3  # reads without much tone
        self.high = np.array([4500, 5400, 6600]) * rng.uniform(0.9, 1.1) * self.size ** 0.5

    def syllables(self, syl):
        """syl: (onset, rime, tone)s, spoken together."""
        rng = self.rng
        segs = []  # formants, ms, voicing, noise kind, noise gain, tone position
        marks = []
        for onset, rime, tone in syl:
            begin = len(segs)
            lead = RIMES[rime][0]
            for v, lo, hi, voice, noise, g in ONSETS[onset]:
                if v in "ea" and onset in "stdghf":
                    v = lead if lead in V else v
                segs.append([v, rng.uniform(lo, hi) / self.rate, voice * rng.uniform(0.7, 1.2), noise, g * rng.uniform(0.6, 1.5)])
            long = rng.uniform(160, 380) / self.rate
            parts = RIMES[rime]
            share = rng.uniform(0.5, 1.5, len(parts)) * [0.8 if p in "nN" else 1 for p in parts]
            for p, w in zip(parts, share / share.sum()):
                segs.append([p, long * w, rng.uniform(0.4, 0.6) if p in "nN" else 1.0, "", 0])
            marks.append((begin, len(segs), tone))
        n = int(sum(s[1] for s in segs)) + 60  # tracks at 1 ms
        form, amp, noise = np.zeros((n, 4)), np.zeros(n), {}
        nasal = np.zeros(n)
        at, edges = 0.0, []
        for v, ms, voice, kind, g in segs:
            a, b = int(at), int(at + ms) + 1
            form[a:] = np.array(V[v]) * self.vowel[v] * self.each * self.size
            amp[a:b] = voice
            nasal[a:b] = v in "nNml"
            if kind:
                noise.setdefault(kind, np.zeros(n))[a:b] = g
            edges.append(at)
            at += ms
        edges.append(at)
        amp[int(at):] = 0
        smooth = lambda x, ms: np.apply_along_axis(np.convolve, 0, np.pad(x, [(int(ms), int(ms))] + [(0, 0)] * (x.ndim - 1), "edge"),
                                                   np.hanning(2 * int(ms) + 3)[1:-1] / np.hanning(2 * int(ms) + 3).sum(), "valid")[:n]
        form, amp, nasal = smooth(form, self.glide), smooth(amp, 12), smooth(nasal, 15)
        f0 = np.full(n, self.f0)
        for b, e, tone in marks:
            lo, hi = int(edges[b]), int(edges[e])
            t = np.array(TONES[rng.integers(1, 5) if self.plain and rng.random() < 0.3 else tone]) + rng.normal(0, 0.12, 3)
            f0[lo:hi + 1] = self.f0 * np.exp(self.span * (np.interp(np.linspace(0, 1, hi + 1 - lo), [0, 0.5, 1], t) - 0.5))
        f0 = smooth(f0, 20) * np.linspace(1.05, 0.92, n)
        up = lambda x: np.interp(np.arange(n * 16) / 16, np.arange(n), x)
        f, a = up(f0), up(amp)
        f = f * (1 + self.jitter * np.interp(np.arange(n * 16), np.arange(n // 5 + 2) * 80, rng.normal(0, 1, n // 5 + 2)))
        phase = np.cumsum(f / 16000)
        pulse = np.diff(np.floor(phase), prepend=0) * np.sqrt(f / 100)
        s = stft((pulse * a).astype(np.float32))
        air = stft((rng.normal(0, 1, n * 16) * a * self.breath * 0.3).astype(np.float32))
        t = np.clip((np.arange(len(s)) - NFFT // STEP + 2) * STEP // 16, 0, n - 1)
        source = 10 ** (self.tilt * np.log2(np.maximum(HZ, 100) / 100) / 20) * np.minimum(HZ / 60, 1)
        s = s * source + air * 10 ** (0.4 * self.tilt * np.log2(np.maximum(HZ, 100) / 100) / 20)
        z = 2j * np.pi * HZ
        for k in range(7):
            fk = form[t, k] if k < 4 else np.full(len(t), self.high[k - 4])
            bw = ((60 + 0.035 * fk + 25 * k) * self.broad * (1 + 1.5 * nasal[t]))[:, None]
            w = (2 * np.pi * fk[:, None])
            p = np.pi * bw
            s = s * (w * w + p * p) / ((z + p) ** 2 + w * w)
        s = s / (1 + 1.5 * nasal[t])[:, None] ** (HZ > 700)
        y = istft(s, n * 16)
        y = y / (np.abs(y).max() + 1e-9)
        for kind, g in noise.items():
            c, w = self.fric[kind]
            shape = np.exp(-0.5 * (np.log2(np.maximum(HZ, 40) / c) / w) ** 2)
            q = istft(stft((rng.normal(0, 1, n * 16) * up(smooth(g, 8))).astype(np.float32)) * shape, n * 16)
            y = y + q / (np.abs(q).max() + 1e-9) * 0.3 * self.hiss * g.max()
        return trim(resample(y.astype(np.float32), rng.uniform(0.97, 1.03)))


def main(out, voices):
    done = []
    for v in range(voices):
        rng = np.random.default_rng(77000 + v)
        s = Speaker(rng)
        tag = "formant_zh_%d" % v
        for c, (o, r, tone) in DIGITS.items():
            if c in ("zh1", "zh5") and rng.random() < 0.5:
                o = ""
            done.append((tag, "digit", c, s.syllables([(o, r, tone)])))
        for _ in range(3):
            cs = list(rng.choice(list(DIGITS), rng.integers(2, 6)))
            done.append((tag, "digit", " ".join(cs), s.syllables([DIGITS[c] for c in cs])))
        for _ in range(3):
            syl = [OTHERS[rng.integers(len(OTHERS))] + (int(rng.integers(1, 5)),) for _ in range(rng.integers(1, 4))]
            done.append((tag, "other", "", s.syllables(syl)))
    done = [d for d in done if d[3] is not None]
    at = np.cumsum([0] + [len(d[3]) for d in done])
    np.savez(out, pcm=np.concatenate([np.round(d[3] * 32767).astype(np.int16) for d in done]), at=at,
             voice=[d[0] for d in done], kind=[d[1] for d in done], labels=[d[2] for d in done])
    print(len(done), "clips,", at[-1] / 16000, "s")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300)

"""Speaks digits, strings of digits and things that are not digits with the free
synthesisers of Debian.

usage: synth.py OUT.npz espeak FIRST COUNT
       synth.py OUT.npz diphone
       synth.py OUT.npz accents"""
import ctypes
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import wave
from math import gcd

import numpy as np
from scipy.signal import resample_poly

from lexicon import ACCENT_PHONES, ACCENTS as LANGUAGES, EN, EN_PHONES, EN_WORDS, FINALS, INITIALS, ZH, ZH_PHONES

DATA = next(p for p in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/share")
            if os.path.isdir(p + "/espeak-ng-data"))
ACCENTS = ["gmw/en", "gmw/en-US", "gmw/en-GB-x-rp", "gmw/en-GB-scotland", "gmw/en-GB-x-gbclan", "gmw/en-GB-x-gbcwmd", "gmw/en-029"]

STRETCH = (0.75, 0.9, 1.05, 1.2, 1.4, 1.65)


def variant(r):
    """A voice of espeak-ng's own description language, drawn at random."""
    size = r.uniform(0.86, 1.3)  # of the formants: large men to small children
    f0 = r.uniform(70, 130) if size < 1.0 else r.uniform(110, 280)
    out = ["language variant", "name r", "pitch %d %d" % (f0, f0 * r.uniform(1.2, 1.9))]
    if r.random() < 0.35:
        out.append("klatt %d" % r.randint(1, 5))
    for i in range(9):
        out.append("formant %d %d %d %d" % (i, 100 * size * r.uniform(0.93, 1.07), r.uniform(60, 140), r.uniform(60, 190)))
    if r.random() < 0.5:
        out.append("tone 600 %d 1200 %d 2000 %d 3000 %d" % tuple(r.uniform(40, 200) for _ in range(4)))
    out += ["voicing %d" % r.uniform(60, 140), "consonants %d %d" % (r.uniform(50, 170), r.uniform(50, 170)),
            "flutter %d" % r.uniform(0, 12), "roughness %d" % r.uniform(0, 5)]
    if r.random() < 0.4:
        out.append("breath " + " ".join("%d" % r.uniform(0, 6) for _ in range(8)))
    return "\n".join(out) + "\n"


def read(data):
    """PCM of a WAV, at 16 kHz, silence at the ends removed; None when there is no sound."""
    with wave.open(io.BytesIO(data)) as w:
        rate = w.getframerate()
        raw = w.readframes(1 << 28)  # espeak-ng's header does not know its length
    x = np.frombuffer(raw[:len(raw) // 2 * 2], "<i2").astype(np.float32) / 32768
    g = gcd(16000, rate)
    if len(x) < rate // 20:
        return None
    return trim(resample_poly(x, 16000 // g, rate // g))


def trim(x):
    peak = np.abs(x).max()
    if peak < 1e-3:
        return None
    n = len(x) // 80
    loud = np.flatnonzero(np.abs(x[:n * 80]).reshape(n, 80).max(1) > peak * 0.01)
    x = x[max(0, loud[0] * 80 - 240):(loud[-1] + 1) * 80 + 240]
    return (x / np.abs(x).max() * 0.7).astype(np.float32) if len(x) > 800 else None


class Espeak:
    """libespeak-ng with its own data directory; one a process."""

    def __init__(self, home):
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.lib.espeak_Initialize(2, 0, home.encode(), 0)  # synchronous
        self.parts = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

        def take(wav, n, events):
            if wav and n > 0:
                self.parts.append(np.ctypeslib.as_array(wav, (n,)).astype(np.float32) / 32768)
            return 0
        self.take = kind(take)  # kept: the library keeps only its address
        self.lib.espeak_SetSynthCallback(self.take)

    def __call__(self, voice, text, pitch, speed, gap=0):
        if self.lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError("no voice " + voice)
        for what, value in ((1, speed), (3, pitch), (7, gap)):  # rate, pitch, word gap
            self.lib.espeak_SetParameter(what, value, 0)
        self.parts.clear()
        data = text.encode() + b"\0"
        self.lib.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)  # UTF-8
        if not self.parts:
            return None
        g = gcd(16000, self.rate)
        return trim(resample_poly(np.concatenate(self.parts), 16000 // g, self.rate // g))


def flite(voice, arg, text, stretch):
    with tempfile.NamedTemporaryFile(suffix=".wav") as f:
        subprocess.run(["flite", "-voice", voice, "--setf", "duration_stretch=%.2f" % stretch, arg, text, "-o", f.name],
                       capture_output=True, check=True)
        return read(open(f.name, "rb").read())


def festival(voice, items):
    """items: (form, ...) of Scheme utterances; one process for all, it starts slowly."""
    with tempfile.TemporaryDirectory() as d:
        lines = ["(voice_%s)" % voice]
        for i, u in enumerate(items):
            lines.append('(utt.save.wave (utt.synth %s) "%s/%d.wav" \'riff)' % (u, d, i))
        subprocess.run(["festival", "-b", "/dev/stdin"], input="\n".join(lines).encode(), capture_output=True, check=False)
        out = []
        for i in range(len(items)):
            try:
                out.append(read(open("%s/%d.wav" % (d, i), "rb").read()))
            except OSError:
                out.append(None)
        return out


def syllables(r, n):
    out = []
    for _ in range(n):
        c = r.choice(INITIALS)
        out.append(c + r.choice(FINALS[c].split()) + r.choice("1234"))
    return " ".join(out)


def english_phones(r):
    c, v = EN_PHONES
    return " ".join(r.choice(c) + " " + r.choice(v) for _ in range(r.randint(2, 4)))


def espeak_voices(out, first, count):
    """Voices of espeak-ng's description language, number first and on. espeak-ng
    knows 350 voices at most, so a call takes 100 of them at most."""
    done = []
    home = tempfile.mkdtemp()
    try:
        shutil.copytree(DATA + "/espeak-ng-data", home + "/espeak-ng-data")
        shutil.rmtree(home + "/espeak-ng-data/voices")
        os.makedirs(home + "/espeak-ng-data/voices/!v")
        for v in range(first, first + count):
            with open(home + "/espeak-ng-data/voices/!v/r%d" % v, "w") as f:
                f.write(variant(random.Random(20240611 + v)))
        say = Espeak(home)
        for v in range(first, first + count):
            r = random.Random(7000000 + v)
            p = lambda: (r.randint(20, 80), r.randint(105, 230))
            name, tag = "cmn-latn-pinyin+r%d" % v, "espeak_zh_%d" % v
            for c, ways in ZH.items():
                done.append((tag, "digit", c, say(name, r.choice(ways), *p())))
            for _ in range(5):
                cs = [r.choice(list(ZH)) for _ in range(r.randint(2, 6))]
                done.append((tag, "digit", " ".join(cs), say(name, " ".join(r.choice(ZH[c]) for c in cs), *p(), r.choice([0, 0, 3, 10]))))
            for _ in range(6):
                done.append((tag, "other", "", say(name, syllables(r, r.randint(1, 5)), *p())))
            if v % 2 == 0:
                name, tag = r.choice(ACCENTS) + "+r%d" % v, "espeak_en_%d" % v
                for c, w in EN.items():
                    done.append((tag, "digit", c, say(name, w, *p())))
                for _ in range(4):
                    cs = [r.choice(list(EN)) for _ in range(r.randint(2, 6))]
                    done.append((tag, "digit", " ".join(cs), say(name, " ".join(EN[c] for c in cs), *p(), r.choice([0, 0, 3, 10]))))
                for _ in range(6):
                    done.append((tag, "other", "", say(name, " ".join(r.sample(EN_WORDS, r.randint(1, 4))), *p())))
    finally:
        shutil.rmtree(home)
    store(out, done)


def diphone_voices(out):
    r = random.Random(20240611)
    jobs = []  # (voice, kind, labels, arguments of flite)
    for v in ("kal16", "awb", "rms", "slt"):
        tag = "flite_" + v
        for s in STRETCH:
            for c, w in EN.items():
                jobs.append((tag, "digit", c, (v, "-t", w, s)))
            for c, ways in ZH_PHONES.items():
                for w in ways:
                    jobs.append((tag, "digit", c, (v, "-p", "pau " + w + " pau", s)))
            for _ in range(10):
                cs = [r.choice(list(EN)) for _ in range(r.randint(2, 6))]
                jobs.append((tag, "digit", " ".join(cs), (v, "-t", " ".join(EN[c] for c in cs), s)))
                cs = [r.choice(list(ZH_PHONES)) for _ in range(r.randint(2, 5))]
                jobs.append((tag, "digit", " ".join(cs), (v, "-p", "pau " + " ".join(r.choice(ZH_PHONES[c]) for c in cs) + " pau", s)))
                jobs.append((tag, "other", "", (v, "-t", " ".join(r.sample(EN_WORDS, r.randint(1, 4))), s)))
                jobs.append((tag, "other", "", (v, "-p", "pau " + english_phones(r) + " pau", s)))
    done = [j[:3] + (flite(*j[3]),) for j in jobs]
    for v in ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"):
        todo = []
        for s in STRETCH:
            st = "(begin (Parameter.set 'Duration_Stretch %.2f) %%s)" % s
            for c, w in EN.items():
                todo.append((c, st % ('(Utterance Text "%s")' % w)))
            for _ in range(8):
                cs = [r.choice(list(EN)) for _ in range(r.randint(2, 6))]
                todo.append((" ".join(cs), st % ('(Utterance Text "%s")' % " ".join(EN[c] for c in cs))))
                todo.append(("", st % ('(Utterance Text "%s")' % " ".join(r.sample(EN_WORDS, r.randint(1, 4))))))
            for c, ways in ZH_PHONES.items():
                for w in ways:
                    todo.append((c, st % ("(Utterance Phones (pau %s pau))" % w)))
        for (c, _), x in zip(todo, festival(v, [u for _, u in todo])):
            done.append(("festival_" + v, "digit" if c else "other", c, x))
    store(out, done)


def accent_voices(out):
    """Diphone voices of other languages."""
    r = random.Random(20240611)
    done = []
    for voices, pause, words in LANGUAGES.values():
        for v in voices:
            todo = []
            for s in STRETCH:
                say = lambda p: "(begin (Parameter.set 'Duration_Stretch %.2f) (Utterance Phones (%s %s %s)))" % (s, pause, p, pause)
                todo += [(c, say(p)) for c, p in words.items()]
                c, w = ACCENT_PHONES
                for _ in range(4):
                    todo.append(("", say(" ".join(r.choice(c) + " " + r.choice(w) for _ in range(r.randint(2, 4))))))
            for (c, _), x in zip(todo, festival(v, [u for _, u in todo])):
                done.append(("festival_" + v, "digit" if c else "other", c, x))
    store(out, done)


def store(out, done):
    lost = sum(d[3] is None for d in done)
    done = [d for d in done if d[3] is not None and len(d[3]) < 16000 * 7]
    at = np.cumsum([0] + [len(d[3]) for d in done])
    np.savez(out, pcm=np.concatenate([np.round(d[3] * 32767).astype(np.int16) for d in done]), at=at,
             voice=[d[0] for d in done], kind=[d[1] for d in done], labels=[d[2] for d in done])
    print(len(done), "clips,", lost, "lost,", at[-1] / 16000, "s")


if __name__ == "__main__":
    if sys.argv[2] == "espeak":
        espeak_voices(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[2] == "accents":
        accent_voices(sys.argv[1])
    else:
        diphone_voices(sys.argv[1])

"""Reads the recorded voices that come as packages: single digits, and speech that
is not digits, in the layout of synth.py.

usage: voices.py OUT.npz held-out.npz CAPTCHA [ROOT]

CAPTCHA is the folder of the Go module base64Captcha (go mod download -json);
ROOT is where Debian's packages gcin-voice and asterisk-core-sounds-{fr,it,ru}-wav
are unpacked, / when they are installed."""
import glob
import os
import random
import re
import subprocess
import sys
import wave

import numpy as np
from scipy.signal import resample_poly

from synth import store, trim

# The syllables of the digits in bopomofo; the first tone is not written. A digit
# in another tone (kind "tone") is still that digit to ears without tones: more to learn from, not to judge by.
GCIN = {"zh0": ("ㄌㄧㄥ", "2"), "zh1": ("ㄧ", ""), "zh2": ("ㄦ", "4"), "zh3": ("ㄙㄢ", ""), "zh4": ("ㄙ", "4"), "zh5": ("ㄨ", "3"),
        "zh6": ("ㄌㄧㄡ", "4"), "zh7": ("ㄑㄧ", ""), "zh8": ("ㄅㄚ", ""), "zh9": ("ㄐㄧㄡ", "3"), "zhy": ("ㄧㄠ", "")}
# too near a digit to be called none
NEAR = "ㄋㄧㄥ ㄌㄧㄣ ㄋㄧㄣ ㄋㄧㄡ ㄙㄤ ㄗ ㄘ ㄓ ㄔ ㄕ ㄜ ㄩ ㄐㄧ ㄒㄧ ㄉㄧㄡ ㄑㄧㄡ ㄒㄧㄡ ㄠ ㄆㄚ ㄚ ㄉㄚ ㄕㄢ ㄖ ㄧㄡ ㄏㄨ ㄈㄨ ㄌㄧ ㄋㄧ ㄇㄧ ㄧㄥ ㄧㄣ".split()
SPEAKERS = {"3": "gcin_liu", "5": "gcin_lo"}


def decode(path):
    """PCM at 16 kHz of a recording in any format, through ffmpeg."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", "16000", "-f", "s16le", "-"], capture_output=True, check=True).stdout
    x = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
    return trim(x) if len(x) > 1600 else None


def gcin(root, done):
    base = os.path.join(root, "usr/share/gcin-voice/ogg")
    r = random.Random(20240611)
    own = {s for s, _ in GCIN.values()}
    others = sorted(d for d in os.listdir(base) if d.rstrip("1234") not in own and d.rstrip("1234") not in NEAR)
    for file, voice in SPEAKERS.items():
        for c, (syllable, tone) in GCIN.items():
            for t in ("", "1", "2", "3", "4"):
                p = os.path.join(base, syllable + t, file + ".ogg")
                if os.path.exists(p):
                    done.append((voice, "digit" if t == tone else "tone", c, decode(p)))
        have = [p for p in (os.path.join(base, d, file + ".ogg") for d in others) if os.path.exists(p)]
        for p in r.sample(have, 300):
            done.append((voice, "other", "", decode(p)))


def captcha(folder, done):
    text = open(os.path.join(folder, "sounds.go")).read()
    text = text[:text.index("var beepSound")]
    for lang, block in re.findall(r'\n\t"(\w\w)": \{\n(.*?)\n\t\},', text, re.S):
        for d, body in re.findall(r"\{ // (\d)\n(.*?)\n\t\t\}", block, re.S):
            x = (np.array([int(b, 16) for b in re.findall(r"0x(..)", body)], np.float32) - 128) / 128
            x = trim(resample_poly(x, 2, 1))
            if lang in ("zh", "en"):
                done.append(("captcha_" + lang, "digit", lang + d, x))
            elif lang == "ru" and d not in "03":  # nol and tri are near zero and three
                done.append(("captcha_ru", "other", "", x))


def asterisk(root, langs, count, done):
    r = random.Random(20240611)
    for lang in langs:
        files = sorted(p for p in glob.glob(os.path.join(root, "usr/share/asterisk/sounds", lang + "_*", "**", "*.wav"), recursive=True)
                       if not re.search("/(digits|letters|phonetic|silence)/|beep|tt-", p))
        for p in r.sample(files, min(count, len(files))):
            with wave.open(p) as w:
                if w.getframerate() != 8000:
                    continue
                x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768
            x = resample_poly(x, 2, 1)
            for at in range(0, min(len(x), 96000) - 8000, 32000):  # up to three pieces of two seconds
                done.append(("asterisk_" + lang, "other", "", trim(x[at:at + 32000])))


def main(out, held, folder, root="/"):
    done = []
    gcin(root, done)
    captcha(folder, done)
    asterisk(root, ("fr", "it"), 120, done)  # the Spanish ones are Allison Smith, who says English digits too
    store(out, done)
    done = []
    asterisk(root, ("ru",), 120, done)  # a voice and a language that no network hears: speech that is not digits
    store(held, done)


if __name__ == "__main__":
    main(*sys.argv[1:])

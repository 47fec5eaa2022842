"""Makes training clips: a voice says digits, in a room, over noise, through a channel.

usage: pool.py OUT.npz CLIPS SEED SHARE RECORDINGS SYNTH.npz...
SHARE of the clips are of recorded voices: those of RECORDINGS and of files named voices*.npz."""
import os
import sys

import numpy as np

import sound
from corpus import SPLITS, Synthetic, recordings
from features import HOP, features

LONGEST = 7.5  # s


def compose(rng, real, syn, names, share):
    """labels, their places (samples, first and last of the sound they are in), voice,
    samples of one clip, dry. share of the clips are of recorded voices."""
    recorded = rng.random() < share
    if rng.random() < 0.10:  # nothing that is a digit
        x, voice = syn.babble(rng, int(16000 * rng.uniform(1, 4))) if rng.random() < 0.1 else None, ""
        if x is None and rng.random() < 0.8:
            own = real.other if recorded else syn.other
            voice = list(own)[rng.integers(len(own))]
            clips = own[voice]
            x = np.concatenate([np.concatenate([sound.morph(rng, clips[rng.integers(len(clips))][:40000]),
                                                np.zeros(int(16000 * rng.uniform(0, .8)), np.float32)]) for _ in range(rng.integers(1, 6))])
        elif x is None:
            n = int(16000 * rng.uniform(1, 4))
            x = [lambda: sound.coloured(rng, n, rng.uniform(0, 2)), lambda: sound.hum(rng, n), lambda: sound.music(rng, n),
                 lambda: sound.clicks(rng, n)][rng.integers(4)]()
        return [], [], voice, x[:int(LONGEST * 16000)].astype(np.float32)
    if recorded:
        lang = "zh" if rng.random() < 0.6 else "en"
        voice = names["real_" + lang][rng.integers(len(names["real_" + lang]))]
        clips = 3 * real.digits[voice] + real.tones.get(voice, [])
    elif rng.random() < 0.2:
        voice = names["diphone"][rng.integers(len(names["diphone"]))]
        zh = rng.random() < 0.6  # these voices say both; one language a clip
        clips = [c for c in syn.digits[voice] if (c[0][0] <= 11) == zh] or syn.digits[voice]
    else:
        lang = "zh" if rng.random() < 0.65 else "en"
        voice = names["syn_" + lang][rng.integers(len(names["syn_" + lang]))]
        clips = syn.digits[voice]
    by = {}  # whatever a voice has many of is not heard more often
    for c in clips:
        by.setdefault(c[0][0] if len(c[0]) == 1 else -1, []).append(c)
    keys = sorted(by)
    filler = names["filler"]
    want = int(rng.choice([1, 2, 3, 4, 5, 6], p=[.22, .10, .14, .22, .14, .18]))
    paced = rng.random() < 0.45
    parts, labels, places = [np.zeros(int(16000 * rng.uniform(0, 0.6)), np.float32)], [], []
    total = len(parts[0])
    state = rng.bit_generator.state
    same = lambda: np.random.Generator(np.random.PCG64())
    while len(labels) < want and total < LONGEST * 16000:
        of = by[keys[rng.integers(len(keys))]]
        c, x = of[rng.integers(len(of))]
        # the same other speaker for the whole clip, with a little of his own variation
        again = same()
        again.bit_generator.state = state
        x = sound.morph(again, x)
        if rng.random() < 0.7:
            x = sound.resample(x, rng.uniform(0.94, 1.06))
        x = x * np.float32(10 ** (rng.uniform(-8, 0) / 20))
        if total + len(x) > LONGEST * 16000:
            break
        gap = rng.uniform(0.3, 1.4) if paced else rng.uniform(-0.04, 0.35)
        places += [(total, total + len(x))] * len(c)
        m = int(-gap * 16000)
        if labels and m > 0 and len(parts[-1]) > 800 and len(x) > 800:
            parts[-1][-m:] += x[:m]
            places[-len(c):] = [(total - m, total - m + len(x))] * len(c)
            x = x[m:]
            gap = 0
        labels += c
        parts.append(x)
        if rng.random() < 0.06 and paced:  # a word in between
            o = filler[rng.integers(len(filler))]
            y = syn.other[o][rng.integers(len(syn.other[o]))]
            if len(y) < 12000:
                again.bit_generator.state = state
                parts += [np.zeros(4000, np.float32), sound.morph(again, y)]
        parts.append(np.zeros(int(16000 * max(gap, 0)), np.float32))
        total = sum(map(len, parts))
    return labels, places, voice, np.concatenate(parts)


def dress(rng, x, syn):
    """Room, noise, channel, level."""
    x = np.concatenate([x, np.zeros(int(16000 * rng.uniform(0.05, 0.5)), np.float32)])
    if rng.random() < 0.4:
        x = sound.room(rng, x)
    if rng.random() < 0.8:
        x = sound.add_noise(rng, x, syn.babble)
    else:
        x = x + np.float32(10 ** rng.uniform(-5, -3)) * rng.normal(0, 1, len(x)).astype(np.float32)
    if rng.random() < 0.5:
        x = sound.channel(rng, x)
    if rng.random() < 0.35:
        x = sound.codec(rng, x)
    x = x / (np.abs(x).max() + 1e-6)
    if rng.random() < 0.06:
        x = np.clip(x * rng.uniform(1.5, 6), -1, 1)
    return np.round(x * 32000 * 10 ** (rng.uniform(-30, 0) / 20)) / 32768


def main(out, clips, seed, share, root, *paths):
    rng = np.random.default_rng(int(seed))
    syn = Synthetic(*(p for p in paths if not os.path.basename(p).startswith("voices")))
    real = Synthetic(*(p for p in paths if os.path.basename(p).startswith("voices")))
    # A string read one by one is longer than a clip; its digits are there singly.
    short = {v: [c for c in t if len(c[1]) < (LONGEST - 1) * 16000] for v, t in recordings(root, set(SPLITS["train"])).items()}
    real.digits.update({v: t for v, t in short.items() if t})
    for v in list(real.digits):
        if v not in SPLITS["train"]:
            del real.digits[v]
    zh = sorted(v for v in real.digits if max(c for l, _ in real.digits[v] for c in l) <= 11)
    names = {"real_zh": zh, "real_en": sorted(set(real.digits) - set(zh)), "filler": sorted(syn.other),
             "syn_zh": sorted(v for v in syn.digits if "_zh_" in v), "syn_en": sorted(v for v in syn.digits if "_en_" in v),
             "diphone": sorted(v for v in syn.digits if "_zh_" not in v and "_en_" not in v)}
    feats, labels, places, voices = [], [], [], []
    while len(feats) < int(clips):
        l, p, v, x = compose(rng, real, syn, names, float(share))
        f = features(dress(rng, x, syn))
        if len(f) < 30:
            continue
        feats.append(np.clip(f * 24, -127, 127).round().astype(np.int8))  # 1/24 of 3 nepers is far below the noise
        labels.append(l)
        places.append(np.array(p, np.float32).reshape(-1, 2) / HOP)  # in frames
        voices.append(v)
    np.savez(out + ".part.npz", feats=np.concatenate(feats), at=np.cumsum([0] + [len(f) for f in feats]), places=np.concatenate(places),
             labels=np.concatenate([np.array(l, np.int8) for l in labels]), lat=np.cumsum([0] + [len(l) for l in labels]), voice=voices)
    os.rename(out + ".part.npz", out)  # a training may be waiting for it
    print(len(feats), "clips,", sum(map(len, feats)) / 100, "s")


if __name__ == "__main__":
    main(*sys.argv[1:])

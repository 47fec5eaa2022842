"""Golden vectors for the Go side: a synthetic sound, its features, and what the
model makes of them. No recording is involved.

usage: parity.py OUT.json [MODEL.pt [WARPS]]"""
import base64
import json
import sys

import numpy as np

from features import RATE, features


def sound():
    """1.5 s: faint noise, then three gliding pulse trains with formants, one loud burst of noise."""
    n = int(1.5 * RATE)
    t = np.arange(n) / RATE
    state, noise = 12345, np.empty(n)
    for i in range(n):
        state = (state * 1664525 + 1013904223) % 2 ** 32
        noise[i] = state / 2 ** 31 - 1
    x = 0.0004 * noise
    for k, (at, f1, f2) in enumerate([(0.2, 300, 2200), (0.55, 700, 1200), (0.95, 350, 800)]):
        u = np.clip((t - at) / 0.22, 0, 1)
        env = np.sin(np.pi * u) ** 2
        phase = 2 * np.pi * (110 + 30 * k) * (t + 0.2 * t * t)
        tone = sum(np.cos(h * phase) / (1 + abs(h * 120 - f1) / 90 + abs(h * 120 - f2) / 400) for h in range(1, 30))
        x += 0.12 * env * tone
    x += 0.1 * noise * np.sin(np.pi * np.clip((t - 1.25) / 0.1, 0, 1)) ** 2
    return np.round(np.clip(x, -1, 1) * 32767).astype("<i2")


if __name__ == "__main__":
    pcm = sound()
    m = features(pcm.astype(np.float64) / 32768)
    out = {"note": "synthetic; pcm is base64 of 16-bit little-endian mono 16 kHz; samples are pcm/32768; tolerance 1e-3",
           "pcm": base64.b64encode(pcm.tobytes()).decode(),
           "logmel": [[round(float(v), 5) for v in r] for r in m]}
    if len(sys.argv) > 2:
        import torch
        from model import load_all
        with torch.no_grad():
            net = load_all(sys.argv[2], [float(f) for f in sys.argv[3].split(",")] if len(sys.argv) > 3 else (1.0,))
            p = net(torch.from_numpy(m)[None])[0].numpy()
        out["logp"] = [[round(float(v), 4) for v in r] for r in p]
    with open(sys.argv[1], "w") as f:
        f.write("{\n" + ",\n".join('"%s": %s' % (k, json.dumps(v, separators=(",", ":"))) for k, v in out.items()) + "\n}\n")

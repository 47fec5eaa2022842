"""Log-mel features, exactly as internal/digits.LogMel computes them."""
import wave

import numpy as np

RATE = 16000
WIN, HOP, FFT, MELS = 400, 160, 512, 40
# blank, zh 0-9, zh yao (the other "one"), en 0-9, en "oh"
CLASSES = ["_"] + ["zh%d" % d for d in range(10)] + ["zhy"] + ["en%d" % d for d in range(10)] + ["eno"]


def _filters():
    hz = lambda m: 700 * (10 ** (m / 2595) - 1)
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    edge = hz(np.linspace(mel(60.0), mel(7600.0), MELS + 2))
    f = np.arange(FFT // 2 + 1) * RATE / FFT
    out = np.zeros((MELS, len(f)))
    for i in range(MELS):
        lo, mid, hi = edge[i:i + 3]
        out[i] = np.clip(np.minimum((f - lo) / (mid - lo), (hi - f) / (hi - mid)), 0, None)
    return out


FILTERS = _filters()
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WIN) / WIN)  # periodic


def logmel(x):
    """x: float samples in [-1, 1). Raw log-mel, frames × 40; no padding at the ends."""
    x = np.asarray(x, np.float64)
    y = x.copy()
    y[1:] -= 0.97 * x[:-1]
    n = 1 + (len(y) - WIN) // HOP
    if n < 1:
        return np.zeros((0, MELS))
    frames = np.lib.stride_tricks.sliding_window_view(y, WIN)[::HOP][:n] * HANN
    spec = np.fft.rfft(frames, FFT)
    return np.log((spec.real ** 2 + spec.imag ** 2) @ FILTERS.T + 1e-6)


def normalise(m):
    """v2: a floor 50 dB under the peak, the mean of the active frames removed, divided by 3."""
    if not len(m):
        return m
    m = np.maximum(m, m.max() - 11.5)
    level = m[:, 3:30].mean(1)  # bins 3..29
    active = level > np.percentile(level, 95) - 4.5  # linear between ranks
    return (m - m[active].mean(0)) / 3


def features(x):
    return normalise(logmel(x)).astype(np.float32)


def read_wav(path):
    with wave.open(str(path)) as w:
        assert w.getframerate() == RATE and w.getnchannels() == 1 and w.getsampwidth() == 2, path
        return np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768

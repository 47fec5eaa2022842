"""Ways to make one voice sound like another, one room like another."""
import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, resample_poly

NFFT, STEP = 512, 128
WINDOW = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(NFFT) / NFFT)).astype(np.float32)


def stft(x):
    x = np.concatenate([np.zeros(NFFT, np.float32), x, np.zeros(NFFT + STEP, np.float32)])
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(x, NFFT)[::STEP] * WINDOW)


def istft(s, n):
    f = np.fft.irfft(s, NFFT) * WINDOW
    out = np.zeros((len(f) + 3) * STEP, np.float32)
    for k in range(4):  # 4 quarter-overlaps add as blocks
        out[k * STEP:(k + len(f)) * STEP] += f[:, k * STEP:(k + 1) * STEP].reshape(-1)
    return out[NFFT:NFFT + n] / 2


def resample(x, ratio):
    """Length × ratio, by linear interpolation after a mild low-pass when it shrinks."""
    if ratio < 0.98:
        b, a = butter(4, 0.95 * ratio)
        x = lfilter(b, a, x)
    n = int(len(x) * ratio)
    return np.interp(np.arange(n) / ratio, np.arange(len(x)), x).astype(np.float32)


def morph(rng, x):
    """Another speaker says x: pitch and duration by resampling, formants by a warp
    of the cepstral envelope, two formant regions moved apart, timbre by a smooth tilt."""
    x = resample(x, np.exp(rng.normal(0, 0.13)))
    s = stft(x)
    mag = np.log(np.abs(s) + 1e-4)
    cep = np.fft.irfft(mag, NFFT)
    lifter = np.zeros(NFFT)
    lifter[:22] = 1
    lifter[-21:] = 1
    env = np.fft.rfft(cep * lifter).real
    bins = np.arange(NFFT // 2 + 1)
    # a monotone warp: a common factor and ±8 % more at 0.6, 1.6 and 3 kHz
    knots = np.array([0, 20, 51, 96, 160, 256])
    factor = np.exp(rng.normal(0, 0.10) + rng.normal(0, 0.05, 4))
    to = np.maximum.accumulate(np.clip(knots * np.concatenate([[1], factor, [1]]), 0, 256))
    src = np.interp(bins, to + np.arange(6) * 1e-3, knots)
    lo = np.clip(src.astype(int), 0, 255)
    w = src - lo
    warped = env[:, lo] * (1 - w) + env[:, lo + 1] * w
    tilt = np.interp(bins, np.linspace(0, 256, 7), rng.normal(0, 0.35, 7))
    gain = np.clip(warped - env, -3.5, 3.5) + tilt
    y = istft(s * np.exp(gain), len(x))
    peak = np.abs(y).max()
    return (y * 0.7 / peak).astype(np.float32) if peak > 1e-4 else x


def room(rng, x):
    t60 = rng.uniform(0.1, 0.6)
    n = int(t60 * 16000)
    h = rng.normal(0, 1, n) * 10 ** (-3 * np.arange(n) / n)
    b, a = butter(1, rng.uniform(2500, 7000) / 8000)
    h = lfilter(b, a, h)
    h[:int(rng.uniform(10, 90))] = 0
    h *= rng.uniform(0.15, 0.9) / np.sqrt((h * h).sum())
    h[0] = 1
    return fftconvolve(x, h)[:len(x)].astype(np.float32)


def coloured(rng, n, power):
    s = np.fft.rfft(rng.normal(0, 1, n))
    f = np.maximum(np.arange(len(s)), 1 + n * 40 / 16000)
    return np.fft.irfft(s / f ** (power / 2), n).astype(np.float32)


def hum(rng, n):
    t = np.arange(n) / 16000
    f = rng.choice([50, 60, 100, 120, 150])
    return sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * f * k * t + rng.uniform(0, 6)) for k in range(1, 9)).astype(np.float32) \
        + 0.2 * coloured(rng, n, 1)


def music(rng, n):
    """Chords and melody of decaying harmonics: music-like, not music."""
    x = np.zeros(n, np.float32)
    at, beat = 0, int(16000 * rng.uniform(0.12, 0.5))
    while at < n:
        for _ in range(rng.integers(1, 4)):
            f = 110 * 2 ** (rng.integers(0, 37) / 12)
            m = min(n - at, beat * int(rng.integers(1, 5)))
            t = np.arange(m) / 16000
            x[at:at + m] += sum(np.sin(2 * np.pi * f * k * t) / k ** rng.uniform(0.8, 2) for k in range(1, 7) if f * k < 7500) \
                * np.exp(-t * rng.uniform(1, 9)) * np.minimum(t * 200, 1)
        at += beat
    return x


def clicks(rng, n):
    x = np.zeros(n, np.float32)
    for _ in range(rng.integers(2, 14)):
        m = int(rng.uniform(100, 2500))
        at = rng.integers(0, max(1, n - m))
        y = rng.normal(0, 1, m) * np.exp(-np.arange(m) / rng.uniform(20, 500))
        b, a = butter(2, sorted(rng.uniform(0.02, 0.9, 2) + [0, 0.05]), "band")
        x[at:at + m] += lfilter(b, a, y)[:n - at]
    return x + 1e-4 * coloured(rng, n, 1)


def level(x):
    """RMS of the loud part."""
    n = len(x) // 320
    if not n:
        return 1e-6
    p = (x[:n * 320].reshape(n, 320) ** 2).mean(1)
    return float(np.sqrt(np.percentile(p, 90))) + 1e-7


def add_noise(rng, x, babble, snr=None):
    n = len(x)
    k = rng.integers(0, 10)
    if k < 2:
        y = coloured(rng, n, 0)
    elif k < 5:
        y = coloured(rng, n, rng.uniform(0.6, 2))
    elif k < 8:
        y = babble(rng, n)
    elif k == 8:
        y = hum(rng, n)
    else:
        y = music(rng, n) if rng.random() < 0.5 else clicks(rng, n)
    snr = rng.uniform(0, 32) if snr is None else snr
    return x + y * (level(x) / level(y) * 10 ** (-snr / 20))


def channel(rng, x):
    k = rng.random()
    if k < 0.3:
        b, a = butter(2, [rng.uniform(80, 300) / 8000, rng.uniform(3300, 7600) / 8000], "band")
        return lfilter(b, a, x).astype(np.float32)
    if k < 0.45:  # telephone or narrow-band codec
        return resample_poly(resample_poly(x, 1, 2), 2, 1).astype(np.float32)
    b, a = butter(1, rng.uniform(200, 4000) / 8000, rng.choice(["low", "high"]))
    return (x + rng.uniform(-0.6, 1.5) * lfilter(b, a, x)).astype(np.float32)


def codec(rng, x):
    """What a lossy codec does, roughly: spectral holes under a masking curve, and mu-law grain."""
    if rng.random() < 0.3:
        p = np.abs(x).max() + 1e-6
        y = np.sign(x) * np.log1p(255 * np.abs(x) / p) / np.log(256)
        y = np.round(y * 127) / 127
        return (np.sign(y) * (256 ** np.abs(y) - 1) / 255 * p).astype(np.float32)
    s = stft(x)
    m = np.abs(s)
    mask = np.apply_along_axis(np.convolve, 1, m, np.ones(9) / 9, "same") * rng.uniform(0.2, 0.7)
    s[m < mask] = 0
    return istft(s, len(x))

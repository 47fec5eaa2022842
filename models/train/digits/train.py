"""Trains the network on pools, without the voices of a fold when one is named.

A pool may be a pattern: files that appear later are taken in while it trains.

usage: train.py OUT.pt --pool P.npz... [--fold f1 | --only VOICE...] [--steps N] [--minutes M] [--real SHARE] [--width W] [--seed S] [--init X.pt]"""
import argparse
import copy
import glob
import math
import os
import time

import numpy as np
import torch

from corpus import SPLITS
from model import Net, load, save

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.set_flush_denormal(True)


def read(paths, takes):
    """Clips of the pools: features, labels, places (frames), voice."""
    out = []
    for p in paths:
        d = np.load(p)
        feats, at, labels, lat, places = (d[k] for k in ("feats", "at", "labels", "lat", "places"))
        for i, v in enumerate(d["voice"]):
            if takes(str(v)):
                out.append((feats[at[i]:at[i + 1]], labels[lat[i]:lat[i + 1]], places[lat[i]:lat[i + 1]], str(v)))
    return out


def targets(rows, labels, places):
    """Classes of rows: the middle of a digit whose place is known is that digit, what is
    outside of all is blank, -100 says nothing. It spares the network the long time in
    which CTC alone hears only blanks, and ties the rows to the time of the digit."""
    out = np.zeros(rows, np.int64)
    t = 3 * np.arange(rows) + 1.25  # a frame's middle is 12.5 ms after its start
    for a, b in places:
        out[(t >= a - 1) & (t <= b + 4)] = -100
    for k, c in enumerate(labels):
        a, b = places[k]
        if (places[:, 0] == a).sum() == 1:  # several in one sound: nobody knows where
            out[(t >= a + 0.2 * (b - a)) & (t <= a + 0.65 * (b - a))] = c
    return out


def augment(rng, f, places):
    """f: frames × 40 int8. Tempo, vocal tract, spectrum masks, slope: what costs little per step."""
    f = f.astype(np.float32) / 24
    if rng.random() < 0.7:  # tempo, without pitch
        n = len(f)
        knots = max(2, n // 60)
        slow = n < 350 and rng.random() < 0.3  # who reads one by one draws the words out
        rate = np.exp((rng.uniform(0.2, 0.75) if slow else rng.normal(0, 0.16)) + rng.normal(0, 0.10, knots))
        to = np.concatenate([[0], np.cumsum(rate)]) / knots * n  # frame of the old -> frame of the new
        old = np.linspace(0, n, knots + 1)
        m = max(30, int(to[-1]))
        src = np.clip(np.interp(np.arange(m), to, old), 0, n - 1)
        lo = np.minimum(src.astype(int), n - 2)
        w = (src - lo).astype(np.float32)[:, None]
        f = f[lo] * (1 - w) + f[lo + 1] * w
        places = np.interp(places, old, to).reshape(-1, 2)
    if rng.random() < 0.8:  # a warp of the mel axis, which is a warp of the vocal tract
        src = np.clip(np.arange(40) * math.exp(rng.normal(0, 0.07)) + rng.normal(0, 0.6), 0, 39)
        lo = np.minimum(src.astype(int), 38)
        w = (src - lo).astype(np.float32)
        f = f[:, lo] * (1 - w) + f[:, lo + 1] * w
    if rng.random() < 0.6:
        f = f + np.interp(np.arange(40), np.linspace(0, 39, 6), rng.normal(0, 0.15, 6)).astype(np.float32)
    if rng.random() < 0.3:
        f = f * rng.uniform(0.8, 1.2)
    f = f.copy()
    floor = f.min()
    if rng.random() < 0.25:  # a higher floor: more noise
        f = np.maximum(f, floor + rng.uniform(0, 1.2))
        floor = f.min()
    for _ in range(rng.integers(0, 3)):
        w = rng.integers(1, 7)
        c = rng.integers(0, 40 - w)
        f[:, c:c + w] = f[:, c:c + w].mean() if rng.random() < 0.5 else floor
    for _ in range(rng.integers(0, 3)):
        w = rng.integers(1, 8)
        t = rng.integers(0, max(1, len(f) - w))
        f[t:t + w] = floor
    return f, places


class Drawer:
    """Batches of clips near in length, a share of them of recorded voices."""

    def __init__(self, clips, recorded):
        by = lambda want: sorted((i for i in range(len(clips)) if (clips[i][3] in recorded) == want), key=lambda i: len(clips[i][0]))
        self.of = {True: by(True), False: by(False)}

    def __call__(self, rng, batch, share, reach):
        at = rng.random() * reach
        picked = []
        for want, n in ((True, int(round(batch * share))), (False, batch - int(round(batch * share)))):
            order = self.of[want]
            window = max(4 * n, len(order) // 12)
            start = int(at * max(1, len(order) - window))
            picked += [order[min(len(order) - 1, start + int(k))] for k in rng.integers(0, window, n)]
        return picked


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("--pool", nargs="+")
    a.add_argument("--fold")
    a.add_argument("--only", nargs="*", help="of the recorded voices hear these alone")
    a.add_argument("--real", type=float, default=0.5, help="share of recorded voices in a batch")
    a.add_argument("--steps", type=int, default=4000)
    a.add_argument("--batch", type=int, default=32)
    a.add_argument("--rate", type=float, default=3e-3)
    a.add_argument("--width", type=int, default=128)
    a.add_argument("--seed", type=int, default=7)
    a.add_argument("--init")
    a.add_argument("--minutes", type=float, default=1e9, help="anneal to the end within this time")
    a = a.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    rng = np.random.default_rng(a.seed)
    held = set(SPLITS["folds"][a.fold] if a.fold else []) | set(SPLITS["evaluate"])
    train = set(SPLITS["train"])
    if a.only is not None:
        held |= train - set(a.only)
    find = lambda: sorted(f for p in a.pool for f in glob.glob(p))
    seen = find()
    clips = read(seen, lambda v: v not in held)
    share = a.real if any(c[3] in train for c in clips) else 0
    draw = Drawer(clips, train)
    net = (load(a.init) if a.init else Net(a.width)).to(DEVICE).train()
    ema = copy.deepcopy(net).eval()
    opt = torch.optim.AdamW(net.parameters(), a.rate, weight_decay=0.02)
    loss_of = torch.nn.CTCLoss(zero_infinity=True)
    weight = torch.ones(net.head.out_channels, device=DEVICE)
    weight[0] = 0.3
    began, progress, step, mean = time.time(), 0.0, 0, 0.0
    print(len(clips), "clips,", sum(c[3] in train for c in clips), "of recorded voices,", sum(p.numel() for p in net.parameters()), "parameters", DEVICE, flush=True)
    while progress < 1:
        # whichever ends first, the steps or the time, ends the annealing too
        progress = max(step / a.steps, (time.time() - began) / 60 / a.minutes)
        rate = a.rate * min(1, (step + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1))) + 1e-6
        for g in opt.param_groups:
            g["lr"] = rate
        picked = draw(rng, a.batch, share, min(1, 0.4 + 3 * progress) if not a.init else 1)  # short clips first
        made = [augment(rng, clips[i][0], clips[i][2]) for i in picked]
        labels = [clips[i][1] for i in picked]
        longest = -(-max(len(f) for f, _ in made) // 3) * 3
        x = np.zeros((a.batch, longest, 40), np.float32)
        y = np.full((a.batch, longest // 3), -100)
        for i, (f, places) in enumerate(made):
            x[i, :len(f)] = f
            rows = -(-len(f) // 3)
            y[i, :rows] = targets(rows, labels[i], places)
        logp = net(torch.from_numpy(x).to(DEVICE))
        loss = loss_of(logp.transpose(0, 1), torch.from_numpy(np.concatenate(labels).astype(np.int64)).to(DEVICE),
                       torch.tensor([-(-len(f) // 3) for f, _ in made]), torch.tensor([len(l) for l in labels]))
        apart = max(0.15, 1 - 3 * progress) if not a.init else 0.15
        loss = loss + apart * torch.nn.functional.nll_loss(logp.reshape(-1, logp.shape[2]), torch.from_numpy(y.reshape(-1)).to(DEVICE), weight=weight)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
        opt.step()
        step += 1
        mean += (loss.item() - mean) / min(step, 100)
        keep = min(0.995, step / (step + 10))
        with torch.no_grad():
            for p, q in zip(ema.state_dict().values(), net.state_dict().values()):
                p.copy_(p * keep + q * (1 - keep) if p.dtype.is_floating_point else q)
        if step % 100 == 0:
            print("step %d loss %.3f %.0f s" % (step, mean, time.time() - began), flush=True)
            save(ema, a.out + ".part")
            new = [f for f in find() if f not in seen]
            if new:
                seen += new
                clips += read(new, lambda v: v not in held)
                draw = Drawer(clips, train)
                print("with", *map(os.path.basename, new), len(clips), "clips", flush=True)
    save(ema.cpu(), a.out)
    if os.path.exists(a.out + ".part"):
        os.remove(a.out + ".part")
    print("done: %d steps, %.0f s" % (step, time.time() - began))


if __name__ == "__main__":
    main()

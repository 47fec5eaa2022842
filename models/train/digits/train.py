"""Trains the network on pools, without the voices of a fold when one is named.

usage: train.py OUT.pt --pool P.npz... [--fold f1] [--steps N] [--width W] [--seed S] [--init X.pt] [--minutes M] [--workers N]"""
import argparse
import copy
import math
import os
import time

import numpy as np
import torch

from corpus import SPLITS
from model import Net, load, save

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def read(paths, without):
    out = []
    for p in paths:
        d = np.load(p)
        feats, at, labels, lat = (d[k] for k in ("feats", "at", "labels", "lat"))
        for i, v in enumerate(d["voice"]):
            if str(v) not in without:
                out.append((feats[at[i]:at[i + 1]], labels[lat[i]:lat[i + 1]]))
    return out


def targets(f, labels):
    """Classes of the frames of a clip whose words are plainly apart: the middle of the
    k-th stretch of sound is the k-th label, far from any is blank, -100 says nothing.
    It spares the network the long time in which CTC alone hears only blanks."""
    out = np.full(-(-len(f) // 3), -100, np.int64)
    level = f[:, 3:30].astype(np.float32).mean(1)
    on = level > np.percentile(level, 95) - 3.2 / 3 * 24
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on, [0]]).astype(int))).reshape(-1, 2).tolist()
    runs = []
    for a, b in edges:
        if runs and a - runs[-1][1] < 13:
            runs[-1][1] = b
        else:
            runs.append([a, b])
    runs = [r for r in runs if r[1] - r[0] >= 7]
    if len(runs) != len(labels):
        return out
    t = 3 * np.arange(len(out))
    far = np.ones(len(out), bool)
    for (a, b), c in zip(runs, labels):
        far &= (t < a - 8) | (t > b + 8)
        out[(t >= a + 0.2 * (b - a)) & (t <= a + 0.75 * (b - a))] = c
    out[far] = 0
    return out


def augment(rng, f):
    """f: frames × 40 int8. Vocal tract, spectrum masks, slope: what costs little per step."""
    f = f.astype(np.float32) / 24
    if rng.random() < 0.7:  # a warp of the mel axis, which is a warp of the vocal tract
        src = np.clip(np.arange(40) * math.exp(rng.normal(0, 0.07)) + rng.normal(0, 0.5), 0, 39)
        lo = np.minimum(src.astype(int), 38)
        w = (src - lo).astype(np.float32)
        f = f[:, lo] * (1 - w) + f[:, lo + 1] * w
    if rng.random() < 0.5:
        f = f + np.interp(np.arange(40), np.linspace(0, 39, 5), rng.normal(0, 0.12, 5)).astype(np.float32)
    if rng.random() < 0.3:
        f = f * rng.uniform(0.8, 1.2)
    f = f.copy()
    floor = f.min()
    for _ in range(rng.integers(0, 3)):
        w = rng.integers(1, 7)
        c = rng.integers(0, 40 - w)
        f[:, c:c + w] = f[:, c:c + w].mean() if rng.random() < 0.5 else floor
    for _ in range(rng.integers(0, 3)):
        w = rng.integers(1, 10)
        t = rng.integers(0, max(1, len(f) - w))
        f[t:t + w] = floor
    return f


def work(rank, a, net, ema, count, began):
    """One of the processes that train the shared network without waiting for each
    other; the first one keeps the average, prints and saves."""
    torch.manual_seed(a.seed + rank)
    torch.set_num_threads(1)
    rng = np.random.default_rng(a.seed + 1000 * rank)
    without = set(a.drop_voices) | set(SPLITS["folds"][a.fold] if a.fold else []) | set(SPLITS["evaluate"])
    clips = read(a.pool, without)
    order = sorted(range(len(clips)), key=lambda i: len(clips[i][0]))
    frames = [targets(f, l) for f, l in clips]
    opt = torch.optim.AdamW(net.parameters(), a.rate, weight_decay=0.02)
    loss_of = torch.nn.CTCLoss(zero_infinity=True)
    weight = torch.ones(23, device=DEVICE)
    weight[0] = 0.3
    mean, mine, progress = 0.0, 0, 0.0
    if rank == 0:
        print(len(clips), "clips,", sum((f > 0).any() for f in frames), "of words apart,", sum(p.numel() for p in net.parameters()), "parameters", DEVICE, flush=True)
    while progress < 1:
        # whichever ends first, the steps or the time, ends the annealing too
        step = int(count.item())
        progress = max(step / a.steps, (time.time() - began) / 60 / a.minutes)
        rate = a.rate * min(1, mine / 30) * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1))) + 1e-6
        for g in opt.param_groups:
            g["lr"] = rate
        reach = min(1, 0.4 + 2 * progress) if not a.init else 1  # short clips first
        start = rng.integers(0, max(1, int(len(order) * reach) - 4 * a.batch))  # near in length: little padding
        picked = [order[start + int(k)] for k in rng.choice(4 * a.batch, a.batch, replace=False)]
        batch = [clips[i] for i in picked]
        fs = [augment(rng, f) for f, _ in batch]
        longest = -(-max(map(len, fs)) // 3) * 3
        x = torch.zeros(a.batch, longest, 40)
        for i, f in enumerate(fs):
            x[i, :len(f)] = torch.from_numpy(np.ascontiguousarray(f, np.float32))
        logp = net(x.to(DEVICE)).transpose(0, 1)
        loss = loss_of(logp, torch.from_numpy(np.concatenate([l for _, l in batch]).astype(np.int64)).to(DEVICE),
                       torch.tensor([-(-len(f) // 3) for f in fs]), torch.tensor([len(l) for _, l in batch]))
        apart = max(0, 1 - 3 * progress) if not a.init else 0
        if apart > 0:
            y = torch.full((logp.shape[0], a.batch), -100)
            for i, k in enumerate(picked):
                y[:len(frames[k]), i] = torch.from_numpy(frames[k])
            if (y >= 0).any():
                loss = loss + apart * torch.nn.functional.nll_loss(logp.reshape(-1, logp.shape[2]), y.reshape(-1).to(DEVICE), weight=weight)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
        opt.step()
        count += 1
        mine += 1
        mean += (loss.item() - mean) / min(mine, 50)
        if rank == 0:
            keep = min(0.98, mine / (mine + 10))
            with torch.no_grad():
                for p, q in zip(ema.state_dict().values(), net.state_dict().values()):
                    p.copy_(p * keep + q * (1 - keep) if p.dtype.is_floating_point else q)
            if mine % 20 == 0:
                print("step %d loss %.3f %.0f s" % (step, mean, time.time() - began), flush=True)
                save(ema, a.out + ".part")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("--pool", nargs="+")
    a.add_argument("--fold")
    a.add_argument("--drop-voices", nargs="*", default=[])
    a.add_argument("--steps", type=int, default=4000)
    a.add_argument("--batch", type=int, default=16)
    a.add_argument("--rate", type=float, default=2.5e-3)
    a.add_argument("--width", type=int, default=112)
    a.add_argument("--seed", type=int, default=7)
    a.add_argument("--init")
    a.add_argument("--minutes", type=float, default=1e9, help="anneal to the end within this time")
    a.add_argument("--workers", type=int, default=1)
    a = a.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(1)
    net = (load(a.init) if a.init else Net(a.width)).to(DEVICE).train()
    ema = copy.deepcopy(net).eval()
    net.share_memory()
    ema.share_memory()
    count, began = torch.zeros(1).share_memory_(), time.time()
    if a.workers == 1:
        work(0, a, net, ema, count, began)
    else:
        torch.multiprocessing.spawn(work, (a, net, ema, count, began), nprocs=a.workers)
    save(ema.cpu(), a.out)
    if os.path.exists(a.out + ".part"):
        os.remove(a.out + ".part")
    print("done: %d steps, %.0f s" % (count.item(), time.time() - began))


if __name__ == "__main__":
    main()

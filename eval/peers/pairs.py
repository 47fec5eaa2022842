"""Accuracy beside speed: the pairs of deepface's unit tests, by every tool that embeds."""
import csv
import gzip
import json
import math
import subprocess

# Where each's makers would accept: ours is the pack's, .50 is MobileFaceNet's in the
# same pack, .60 is face-api's customary distance.
THRESHOLD = {"opencv": 0.50, "face-api-wasm": -0.60}

UNIT = 10_000  # a trials file holds similarities times this, rounded down (internal/eval/faces)


def wilson(k, n):
    if n == 0:
        return [0.0, 1.0]
    z, p = 1.959964, k / n
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [round(max(0, middle - half), 4), round(min(1, middle + half), 4)]


def auc(genuine, impostor):
    """The share of (genuine, impostor) in which the genuine one is higher; a tie is half."""
    return sum((g > i) + (g == i) / 2 for g in genuine for i in impostor) / (len(genuine) * len(impostor))


def score(genuine, impostor, threshold, no_template):
    best = max(sum(g >= t for g in genuine) + sum(i < t for i in impostor) for t in genuine + impostor + [math.inf])
    rejected, accepted, n = sum(g < threshold for g in genuine), sum(i >= threshold for i in impostor), len(genuine) + len(impostor)
    return {"genuine": len(genuine), "impostor": len(impostor), "no_template": no_template, "auc": round(auc(genuine, impostor), 5),
            "best_accuracy": round(best / n, 5), "best_accuracy_95": wilson(best, n), "threshold": abs(threshold),
            "fnmr": round(rejected / len(genuine), 5), "fnmr_95": wilson(rejected, len(genuine)), "fnm": rejected,
            "fmr": round(accepted / len(impostor), 5), "fmr_95": wilson(accepted, len(impostor)), "fm": accepted}


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def listed(folder):
    """The pairs whose two pictures are at hand: each once, as `eval faces` counts them."""
    seen, out = set(), []
    with open(folder / "master.csv", newline="") as f:
        for row in csv.DictReader(f):
            a, b = row["file_x"].strip(), row["file_y"].strip()
            key = tuple(sorted((a, b)))
            if a == b or key in seen or not (folder / a).exists() or not (folder / b).exists():
                continue
            seen.add(key)
            out.append((a, b, row["Decision"].strip().lower() == "yes"))
    return out


def ours(tools):
    """By `faceproof eval faces`, the pipeline of the server; from its trials."""
    out = tools.work / "deepface"
    subprocess.run([tools.work / "faceproof", "eval", "faces", "--protocol", "deepface", "--root", tools.shared / "data", "--out", out, "--work", tools.work / "templates",
                    "--pack", tools.pack], check=True, capture_output=True)
    genuine, impostor = [], []
    with gzip.open(out / "trials.csv.gz", "rt") as f:
        next(f)
        head = json.loads(next(f))
        for line in f:
            part = line.strip().split(",")
            if part[0] == "g":
                genuine.append(int(part[2]))
            elif part[0] == "i":
                impostor.append(int(part[3]))
    return genuine, impostor, head


def compare(tools, shared):
    folder = shared / "data" / "03-deepface-pairs"
    want = listed(folder)
    names = sorted({n for a, b, _ in want for n in (a, b)})
    genuine, impostor, head = ours(tools)
    out = {"n": len(want), "ours": score([g / UNIT for g in genuine], [i / UNIT for i in impostor], head["threshold"], head["no_template"])}
    prepared = tools.folder([folder / n for n in names])
    for tool, threshold in THRESHOLD.items():
        got = {n: r.get("embedding") for n, r in zip(names, tools.run(tool, prepared)["results"])}
        alike = (lambda a, b: -math.dist(a, b)) if threshold < 0 else cosine
        scores = {True: [], False: []}
        for a, b, same in want:
            if got[a] and got[b]:
                scores[same].append(alike(got[a], got[b]))
        out[tool] = score(scores[True], scores[False], threshold, sum(v is None for v in got.values()))
    return out

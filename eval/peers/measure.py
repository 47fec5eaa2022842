"""Runs ours and the peers in turns on the same photos and keeps only ratios.

Called by run.sh. Every tool is a process of its own that reads all files, warms on
one photo and then measures the processor time and the time by the clock of all. Each
round starts with another tool, so that whatever else the machine does hits all alike;
a ratio is taken within a round, and the report gives median, least and most of them.
"""
import argparse
import json
import os
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

import cv2

import pairs
import report

HERE = Path(__file__).resolve().parent
STAGES = ("decode", "detect", "landmarks", "embed")
# What is compared: the stages of ours and of the peer that count.
VIEWS = {
    "whole": STAGES,
    "no_decode": ("detect", "landmarks", "embed"),
    "alike": ("decode", "detect", "embed"),  # without landmarks: ours are 468 points for the pose, OpenCV has five from its detector
    "alike_no_decode": ("detect", "embed"),
    "decode_detect": ("decode", "detect"),
    "decode": ("decode",), "detect": ("detect",), "landmarks": ("landmarks",), "embed": ("embed",),
}


def jpegs(folders, count):
    """Evenly spaced among all JPEG files below the folders, sorted by name."""
    files = sorted(p for f in folders.split(":") for p in Path(f).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        sys.exit("there is no JPEG below " + folders)
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def spaced(items, count):
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def make(folder, files, side):
    """The photos under neutral names, as they are, or anew with this longer side."""
    folder.mkdir()
    out = []
    for i, src in enumerate(files):
        to = folder / f"{i:03}.jpg"
        if side is None:
            to.write_bytes(src.read_bytes())
        else:
            image = cv2.imread(str(src))
            scale = min(1, side / max(image.shape[:2]))
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(to), image, [cv2.IMWRITE_JPEG_QUALITY, 88])
        out.append(to)
    return out


class Tools:
    def __init__(self, work, shared, pack):
        self.work, self.shared, self.pack, self.serial = work, shared, pack, 0
        self.have = ["ours", "opencv", "face-api-wasm", "face-api-cpu"] + (["dlib"] if (work / "dlibhog").exists() else [])

    def folder(self, files):
        """A folder and a list of just these files."""
        self.serial += 1
        folder = self.work / f"set{self.serial}"
        folder.mkdir()
        for f in files:
            (folder / f.name).write_bytes(f.read_bytes())
        listing = self.work / f"set{self.serial}.txt"
        listing.write_text("".join(f"{f}\n" for f in files))
        return folder, listing

    def run(self, tool, prepared):
        folder, listing = prepared
        out = self.work / "out.json"
        out.unlink(missing_ok=True)
        if tool == "ours":
            done = subprocess.run([self.work / "faceproof", "bench", "photos", folder, "--json", "--pack", self.pack], check=True, capture_output=True, text=True)
            b = json.loads(done.stdout)
            return {"wall": b["wall_s"], "stages": {k: v * b["photos"] / 1000 for k, v in b["stage_cpu_ms"].items()}, "cpu": b["cpu_s"],
                    "with_face": b["with_face"], "faces": b["faces"], "n": b["photos"],
                    "about": {"version": b["version"], "revision": b.get("revision", ""), "pack": b["pack"], "go": b["machine"]["go"], "cpu": b["machine"]["cpu"]}}
        command = {
            "opencv": [sys.executable, HERE / "cvpeer.py", self.shared / "models", listing, out],
            "face-api-wasm": ["node", HERE / "faceapi.mjs", "wasm", listing, out],
            "face-api-cpu": ["node", HERE / "faceapi.mjs", "cpu", listing, out],
            "dlib": [self.work / "dlibhog", listing, out],
        }[tool]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        b = json.loads(out.read_text())
        faces = [r["faces"] for r in b["results"]]
        return {"wall": b["wall_s"], "cpu": b["cpu_s"], "stages": b["stages"], "with_face": sum(f > 0 for f in faces), "faces": sum(faces), "n": len(faces),
                "about": {k: b[k] for k in ("versions", "detector", "refused", "rewritten", "backend", "simd", "threads") if b.get(k) not in (None, "")},
                "results": b["results"]}


def ratios(ours, peer):
    """How many times ours fits into the peer: above 1, ours is faster."""
    out = {"wall": peer["wall"] / ours["wall"]}
    for view, stages in VIEWS.items():
        theirs = [s for s in stages if s in peer["stages"]]
        if view in ("decode", "detect", "landmarks", "embed", "decode_detect") and len(theirs) < len(stages):
            continue
        if "embed" in stages and "embed" not in theirs:
            continue
        mine = sum(ours["stages"][s] for s in stages)
        if mine > 0 and theirs:
            out[view] = sum(peer["stages"][s] for s in theirs) / mine
    return out


def measure(tools, files, plan, rounds, note):
    """plan: how many photos a tool gets, and in how many rounds."""
    sets = {tool: tools.folder(spaced(files, count)) for tool, (count, _) in plan.items()}
    rows = {tool: {"rounds": []} for tool in plan}
    for r in range(rounds):
        order = [t for t in plan if r < plan[t][1]]
        random.Random(r).shuffle(order)
        for tool in order:
            turn = ["ours", tool] if (r + order.index(tool)) % 2 else [tool, "ours"]
            got = {t: tools.run(t, sets[tool]) for t in turn}
            row = rows[tool]
            row["rounds"].append(ratios(got["ours"], got[tool]))
            row |= {"n": got[tool]["n"], "faces": {k: {"with_face": got[k2]["with_face"], "faces": got[k2]["faces"]} for k, k2 in (("peer", tool), ("ours", "ours"))},
                    "about": got[tool]["about"]}
            note["ours"] = got["ours"]["about"]
            print(f"   round {r + 1} of {rounds}: {tool}", file=sys.stderr, flush=True)
    for row in rows.values():
        names = sorted({k for r in row["rounds"] for k in r})
        row["ratio"] = {k: report.spread([r[k] for r in row["rounds"] if k in r]) for k in names}
        row["rounds"] = len(row["rounds"])
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--work", type=Path, required=True)
    p.add_argument("--photos", required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--shared", type=Path, required=True)
    p.add_argument("--pack", default="standard")
    p.add_argument("-n", type=int, default=60, help="photos of the fast tools")
    p.add_argument("--slow", type=int, default=20, help="photos of face-api with wasm")
    p.add_argument("--plain", type=int, default=1, help="photos of face-api in plain JavaScript; 0 leaves it out")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--side", type=int, default=480, help="longer side of the small photos")
    a = p.parse_args()
    tools = Tools(a.work, a.shared.resolve(), a.pack)
    load = [os.getloadavg()[0]]
    files = jpegs(a.photos, a.n)
    plan = {"opencv": (a.n, a.rounds), "face-api-wasm": (a.slow, a.rounds)}
    if "dlib" in tools.have:
        plan["dlib"] = (a.n, a.rounds)
    note = {}
    sizes = {"small": measure(tools, make(a.work / "small", files, a.side), plan | ({"face-api-cpu": (a.plain, 1)} if a.plain else {}), a.rounds, note),
             "full": measure(tools, make(a.work / "full", files, None), plan, a.rounds, note)}
    accuracy = pairs.compare(tools, a.shared.resolve())
    load.append(os.getloadavg()[0])
    result = {"format": 1, "date": date.today().isoformat(), "photos": len(files), "side": a.side, "rounds": a.rounds, "threads": 1, "cores": os.cpu_count(),
              "load_1m": [round(x, 1) for x in load], "ours": note["ours"], "sizes": sizes, "pairs": accuracy,
              "dlib": "measured: detection only" if "dlib" in tools.have else "not installed"}
    report.write(result, a.out)


main()

"""Measures OpenCV's own pipeline on a list of photos: decode, YuNet, alignment by
its five points, and an embedder through cv2.dnn, on one thread.

Usage: python3 cvpeer.py MODELS LIST OUT.json. MODELS holds yunet_s_320_320.onnx,
yunet_s_640_640.onnx and foamliu_MobileFaceNet.onnx; LIST a file per line.

FaceDetectorYN is used where this OpenCV can read the model (4.8 and later); before
that the same network runs through cv2.dnn and its answer is decoded here. OpenCV's
usual embedder, SFace, is not at hand: MobileFaceNet stands for it.
"""
import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ[name] = "1"
import cv2
import numpy as np

import oldclip

SIDE = 320  # of the detector, as ours
SCORE, OVERLAP = 0.6, 0.3
# The ArcFace template for 112 x 112, as in FaceRecognizerSF::alignCrop.
TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
MEAN, STD = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])


def letterbox(image):
    """The photo in the top left of a square, and the scale from it to the photo."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    small = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(small, 0, SIDE - small.shape[0], 0, SIDE - small.shape[1], cv2.BORDER_CONSTANT), 1 / scale


class Native:
    """FaceDetectorYN."""
    name = "FaceDetectorYN"

    def __init__(self, models):
        self.net = cv2.FaceDetectorYN.create(os.path.join(models, "yunet_s_640_640.onnx"), "", (SIDE, SIDE), SCORE, OVERLAP, 5000)
        self.find(np.zeros((SIDE, SIDE, 3), np.uint8))  # an old OpenCV fails here

    def find(self, square):
        found = self.net.detect(square)[1]
        return [] if found is None else [(row[:4], row[4:14].reshape(5, 2)) for row in found]


class ByHand:
    """The network through cv2.dnn; its answer decoded with numpy."""
    name = "cv2.dnn, decoded by hand"

    def __init__(self, models):
        self.net = cv2.dnn.readNetFromONNX(os.path.join(models, "yunet_s_320_320.onnx"))
        self.outputs = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
        self.grids = {}
        for stride in (8, 16, 32):
            row, col = np.mgrid[0:SIDE // stride, 0:SIDE // stride]
            self.grids[stride] = np.stack([col.ravel(), row.ravel()], 1).astype(np.float32)
        self.find(np.zeros((SIDE, SIDE, 3), np.uint8))

    def find(self, square):
        self.net.setInput(cv2.dnn.blobFromImage(square))
        answer = dict(zip(self.outputs, self.net.forward(self.outputs)))
        boxes, points, scores = [], [], []
        for stride, grid in self.grids.items():
            score = np.sqrt(np.clip(answer[f"cls_{stride}"].ravel(), 0, 1) * np.clip(answer[f"obj_{stride}"].ravel(), 0, 1))
            keep = score >= SCORE
            at, box, kps = grid[keep], answer[f"bbox_{stride}"].reshape(-1, 4)[keep], answer[f"kps_{stride}"].reshape(-1, 5, 2)[keep]
            size = np.exp(box[:, 2:]) * stride
            boxes += list(np.hstack([(at + box[:, :2]) * stride - size / 2, size]))
            points += list((kps + at[:, None]) * stride)
            scores += list(score[keep])
        if not boxes:
            return []
        kept = cv2.dnn.NMSBoxes([b.tolist() for b in boxes], [float(s) for s in scores], SCORE, OVERLAP)
        return [(boxes[i], points[i]) for i in np.array(kept).ravel()]


def similarity(points):
    """The least-squares similarity (Umeyama) from the points to the template."""
    a, b = points - points.mean(0), TEMPLATE - TEMPLATE.mean(0)
    u, s, v = np.linalg.svd(b.T @ a / 5)
    d = np.array([1, np.sign(np.linalg.det(u @ v))])
    r = u @ np.diag(d) @ v * (s @ d) / (a ** 2).sum(1).mean()
    return np.hstack([r, (TEMPLATE.mean(0) - r @ points.mean(0))[:, None]])


def detector(models):
    """The best that this OpenCV can do, and why not the other."""
    try:
        return Native(models), ""
    except (cv2.error, AttributeError) as error:
        return ByHand(models), (getattr(error, "err", "") or str(error)).strip()[:200]


def embedding_net(models):
    """The embedder, and what was done to its file so that this OpenCV reads it."""
    path = os.path.join(models, "foamliu_MobileFaceNet.onnx")
    try:
        return cv2.dnn.readNetFromONNX(path), ""
    except cv2.error:
        with open(path, "rb") as f:
            return cv2.dnn.readNetFromONNX(np.frombuffer(oldclip.rewrite(f.read()), np.uint8)), "Clip rewritten to operator set 6"


def main():
    models, listing, out = sys.argv[1:]
    cv2.setNumThreads(1)
    finder, refused = detector(models)
    embedder, rewritten = embedding_net(models)

    def one(data, stages):
        last = time.process_time()

        def lap(stage):
            nonlocal last
            now = time.process_time()
            stages[stage] = stages.get(stage, 0) + now - last
            last = time.process_time()

        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        lap("decode")
        square, scale = letterbox(image)
        faces = finder.find(square)
        lap("detect")
        if not faces:
            return {"faces": 0}
        _, points = max(faces, key=lambda f: f[0][2] * f[0][3])
        chip = cv2.warpAffine(image, similarity(np.float64(points) * scale), (112, 112))
        chip = (chip[:, :, ::-1].astype(np.float32) - MEAN) / STD
        embedder.setInput(chip.transpose(2, 0, 1)[None])
        vector = embedder.forward().ravel()
        lap("embed")
        return {"faces": len(faces), "embedding": (vector / np.linalg.norm(vector)).tolist()}

    with open(listing) as f:
        files = [open(line.rstrip("\n"), "rb").read() for line in f if line.strip()]
    one(files[0], {})  # warm
    stages, cpu, wall = {}, time.process_time(), time.monotonic()
    results = [one(data, stages) for data in files]
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    with open(out, "w") as f:
        json.dump({"versions": {"opencv": cv2.__version__, "python": sys.version.split()[0]}, "detector": finder.name, "refused": refused, "rewritten": rewritten,
                   "threads": cv2.getNumThreads(), "wall_s": wall, "cpu_s": cpu, "stages": stages, "results": results}, f)


main()

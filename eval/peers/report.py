"""Writes report.json, report.md and report.zh.md: ratios and versions, no times.
`python3 report.py OUT` writes the two tables again from OUT/report.json.
"""
import json
import statistics
import sys
from pathlib import Path

NAMES = {"opencv": "OpenCV", "face-api-wasm": "face-api, wasm", "face-api-cpu": "face-api, plain JavaScript", "dlib": "dlib HOG", "ours": "faceproof"}
COLUMNS = ("whole", "no_decode", "alike", "alike_no_decode", "decode_detect", "decode", "detect", "landmarks", "embed", "wall")
BESIDE = ("whole", "no_decode", "alike", "alike_no_decode")
GOALS = (("face-api-wasm", 20), ("opencv", 1))

TEXT = {
    "en": {
        "title": "Side by side: ours and peers on the same photos",
        "lead": "How many times ours fits into the peer: **above 1, ours is faster**. Median of the rounds, least and most in brackets. By processor time of one thread, "
                "so that other work on the machine does not count; “by the clock” is the whole by wall time, and on a busy machine says little. No absolute times.",
        "meta": "{date} · pack `{pack}` · {cpu}, {cores} cores, load {load} · {photos} photos, decoded from JPEG every time · {rounds} rounds in turns · 1 thread each, warmed",
        "goals": "Goals", "goal": "goal", "met": "met", "missed": "**not met**", "pipeline": "the whole pipeline", "best": "without decoding",
        "small": "Photos of {side} px (longer side), JPEG 88: about what a capture sends", "full": "Photos as they are",
        "peer": "peer", "n": "photos", "found": "photos with a face: peer / ours", "faces": "faces: peer / ours", "photo": "photos",
        "whole": "whole", "no_decode": "… without decoding", "alike": "like for like: no landmarks", "alike_no_decode": "… without decoding", "decode_detect": "decode + detect",
        "decode": "decode", "detect": "detect", "landmarks": "landmarks", "embed": "align + embed", "wall": "whole, by the clock",
        "pairs": "Accuracy on the same machine: {n} pairs of deepface's unit tests",
        "pairhead": "| | genuine / impostor | no template | AUC | best accuracy (95 %) | threshold | FNMR (95 %) | FMR (95 %) |",
        "pairnote": "Press photos of a few public figures; pairs share pictures and are not independent, so the intervals (Wilson) are too narrow. Too few to tell the three apart.",
        "did": "What each does",
        "notes": [
            "faceproof: `faceproof bench photos`: YuNet 320, 468 landmarks with the pose (FaceMesh, looked at again until it stays in place), MobileFaceNet of the largest face, the JPEG decoder of internal/imaging. "
            "The mesh is what the tests of liveness need; OpenCV has none, so “like for like” leaves landmarks out on both sides, although ours also places the face by five points of the mesh: the detector's own five would do nearly as well (98.1 and 97.9 % of genuine pairs at 1e-3, docs/evaluation.md).",
            "OpenCV: YuNet at 320 px, alignment by its own five points, and MobileFaceNet (the same file as ours) through `cv2.dnn`. Its usual embedder, SFace, is not at hand. {cv}",
            "face-api: SSD MobileNet, 68 landmarks and the 128-D descriptor of the largest face, tfjs; photos decoded by libvips. Its native back end (tfjs-node) was not measured: an install script fetches its binary, and none is run here.",
            "face-api in plain JavaScript: one photo and one round; a network costs the same on any photo.",
            "dlib: its HOG detector only, {dlib}. Landmarks and embedder need files that no Debian package carries.",
            "Faces found are counts; which of them are real was not looked at.",
        ],
        "versions": "Versions",
    },
    "zh": {
        "title": "并排比较：本产品与同类，同一批照片",
        "lead": "数值为同类耗时与本产品耗时之比：**大于 1 表示本产品更快**。取各轮中位数，括号内为最小与最大。按单线程处理器时间计，机器上的其他任务不计入；“按时钟”为全流程的墙钟之比，机器繁忙时参考价值不大。不列绝对时间。",
        "meta": "{date} · 模型包 `{pack}` · {cpu}，{cores} 核，负载 {load} · {photos} 张照片，每次均从 JPEG 解码 · 轮流 {rounds} 轮 · 各 1 线程，已预热",
        "goals": "目标", "goal": "目标", "met": "达到", "missed": "**未达到**", "pipeline": "全流程", "best": "不含解码",
        "small": "长边 {side} 像素、JPEG 88：接近采集时上传的大小", "full": "原尺寸照片",
        "peer": "同类", "n": "照片数", "found": "检出人脸的照片：同类 / 本产品", "faces": "人脸数：同类 / 本产品", "photo": "照片",
        "whole": "全流程", "no_decode": "……不含解码", "alike": "同等步骤：不含关键点", "alike_no_decode": "……不含解码", "decode_detect": "解码 + 检测",
        "decode": "解码", "detect": "检测", "landmarks": "关键点", "embed": "对齐 + 特征", "wall": "全流程（按时钟）",
        "pairs": "同机准确率：deepface 单元测试的 {n} 对",
        "pairhead": "| | 同人 / 异人 | 无模板 | AUC | 最佳准确率（95 %） | 阈值 | FNMR（95 %） | FMR（95 %） |",
        "pairnote": "少数公众人物的新闻照片；各对共用图片，并不独立，故（Wilson）区间偏窄。数量太少，不足以区分三者。",
        "did": "各自做了什么",
        "notes": [
            "本产品：`faceproof bench photos`：YuNet 320、468 个关键点及姿态（FaceMesh，反复至位置稳定）、最大人脸的 MobileFaceNet，Go 的 JPEG 解码器。活体检测需要网格；OpenCV 没有，故“同等步骤”两边都不含关键点；本产品也用网格中的五点对齐人脸，但检测器自身的五点几乎同样好（FMR 1e-3 时 98.1 % 与 97.9 %，见 docs/evaluation.md）。",
            "OpenCV：320 像素的 YuNet，用其五点对齐，MobileFaceNet（与本产品同一文件）由 `cv2.dnn` 运行。其常用特征模型 SFace 不在手边。{cv}",
            "face-api：SSD MobileNet、68 个关键点、最大人脸的 128 维描述子，tfjs；照片由 libvips 解码。其原生后端（tfjs-node）的二进制由安装脚本下载，此处不运行安装脚本，故未测。",
            "face-api 纯 JavaScript：一张照片、一轮；网络对任何照片的开销相同。",
            "dlib：仅 HOG 检测器，{dlib}。关键点与特征模型需要 Debian 软件包未提供的文件。",
            "检出人脸仅为计数，未核对真伪。",
        ],
        "versions": "版本",
    },
}
DLIB = {"en": {True: "built with -march=native, photos at their size, no upsampling", False: "not measured here: libdlib-dev is not installed"},
        "zh": {True: "以 -march=native 编译，不放大照片", False: "此次未测：未安装 libdlib-dev"}}


def spread(values):
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3), "most": round(max(values), 3)}


def shown(peer, view):
    """face-api places faces by its landmarks, so leaving them out compares nothing; dlib's turn is detection only."""
    return not (peer.startswith("face-api") and view.startswith("alike")) and not (peer == "dlib" and view == "wall")


def cell(ratio):
    if ratio is None:
        return "–"
    show = lambda x: f"{x:.0f}" if x >= 20 else f"{x:.1f}" if x >= 3 else f"{x:.2f}"
    return f"**{show(ratio['median'])}** ({show(ratio['least'])} – {show(ratio['most'])})" if ratio["least"] != ratio["most"] else f"**{show(ratio['median'])}**"


def goals(result):
    """The goals are of the whole pipeline; the rest stands beside it."""
    out = []
    for peer, goal in GOALS:
        for size, rows in result["sizes"].items():
            if peer in rows:
                r = rows[peer]["ratio"]
                out.append({"peer": peer, "goal": goal, "size": size, "met": r["whole"]["median"] >= goal, "ratio": {v: r[v] for v in BESIDE if shown(peer, v)}})
    return out


def percent(value, interval):
    f = lambda x: f"{100 * x:.1f}".rstrip("0").rstrip(".")
    return f"{f(value)} % ({f(interval[0])} – {f(interval[1])})"


def old_opencv(rows, lang):
    about = rows["opencv"]["about"]
    if not about.get("refused"):
        return ""
    said = about["refused"]
    if lang == "zh":
        return f"此版本的 `FaceDetectorYN` 不能运行该模型（“{said}”），故由 `cv2.dnn` 运行、numpy 解码；特征模型的 Clip 节点改写为算子集 6 后才能载入，权重不变。"
    return (f"This version's `FaceDetectorYN` cannot run the model (“{said}”), so `cv2.dnn` runs it and numpy decodes the answer; "
            "the embedder was only read after its Clip nodes had been rewritten to operator set 6, with the same weights.")


def markdown(result, lang):
    t, out = TEXT[lang], []
    load = " → ".join(str(x) for x in result["load_1m"])
    out += [f"# {t['title']}", "", t["lead"], "",
            t["meta"].format(date=result["date"], pack=result["ours"]["pack"], cpu=result["ours"]["cpu"], cores=result["cores"], load=load, photos=result["photos"], rounds=result["rounds"]), ""]
    size_name = lambda s: t[s].format(side=result["side"])
    out += [f"## {t['goals']}", "", f"| {t['peer']} | {t['photo']} | {t['goal']} | {t['whole']} | {t['best']} | {t['alike']} | {t['alike_no_decode']} |", "|---|---|---|---|---|---|---|"]
    for g in result["goals"]:
        beside = " | ".join(cell(g["ratio"].get(v)) for v in BESIDE[1:])
        out.append(f"| {NAMES[g['peer']]} | {size_name(g['size'])} | ≥ {g['goal']} | {cell(g['ratio']['whole'])}: {t['met'] if g['met'] else t['missed']} | {beside} |")
    for size, rows in result["sizes"].items():
        out += ["", f"## {size_name(size)}", "", f"| | {' | '.join(NAMES[k] for k in rows)} |", "|---" * (len(rows) + 1) + "|"]
        out.append(f"| {t['n']} | " + " | ".join(str(r["n"]) for r in rows.values()) + " |")
        for key, name in (("with_face", "found"), ("faces", "faces")):
            out.append(f"| {t[name]} | " + " | ".join(f"{r['faces']['peer'][key]} / {r['faces']['ours'][key]}" for r in rows.values()) + " |")
        for c in COLUMNS:
            out.append(f"| {t[c]} | " + " | ".join(cell(r["ratio"].get(c) if shown(k, c) else None) for k, r in rows.items()) + " |")
    p = result["pairs"]
    out += ["", f"## {t['pairs'].format(n=p['n'])}", "", t["pairhead"], "|---" * 8 + "|"]
    for tool in ("ours", "opencv", "face-api-wasm"):
        s = p[tool]
        out.append(f"| {NAMES[tool]} | {s['genuine']} / {s['impostor']} | {s['no_template']} | {s['auc']:.4f} | {percent(s['best_accuracy'], s['best_accuracy_95'])} | {s['threshold']:g} | "
                   f"{s['fnm']}: {percent(s['fnmr'], s['fnmr_95'])} | {s['fm']}: {percent(s['fmr'], s['fmr_95'])} |")
    rows = result["sizes"]["full"]
    out += ["", t["pairnote"], "", f"## {t['did']}", ""]
    out += ["- " + n.format(cv=old_opencv(rows, lang), dlib=DLIB[lang]["dlib" in rows]) for n in t["notes"]]
    versions = {"faceproof": f"{result['ours']['version']} ({result['ours']['revision'][:12]}, {result['ours']['go']})"}
    for r in rows.values():
        versions |= r["about"].get("versions", {})
    out += ["", f"{t['versions']}: " + ", ".join(f"{k} {v}" for k, v in versions.items() if v) + "."]
    return "\n".join(out) + "\n"


def write(result, out):
    result["goals"] = goals(result)
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    (out / "report.md").write_text(markdown(result, "en"))
    (out / "report.zh.md").write_text(markdown(result, "zh"))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write(json.loads((folder / "report.json").read_text()), folder)

"""Writes the tables of README.md, between its two marks, and curve.svg from digits.json and curve.json.

usage: tables.py"""
import json
import os

from corpus import HERE

PROTOTYPE = {"zhengzh": "27-29 %", "zhengen": "18 %", "fsdd_george": "27 %"}


def share(k, n):
    return "%.0f %%" % (100 * k / n)


def strings(rows, title):
    out = ["", title, "", "| language | digits | SNR dB | strings | read without error | FRR at FAR 1e-2 / 1e-3 / 1e-4 | other strings accepted at 1e-3 |", "|---|---|---|---|---|---|---|"]
    for q in rows:
        out.append("| %s | %d | %s | %d | %.0f %% | %.2f / %.2f / %.2f | %.2g |" % (
            q["language"], q["n"], q["snr_db"] or "clean", q["strings"], 100 * q["read_right"], q["frr@0.01"], q["frr@0.001"], q["frr@0.0001"], q["far@0.001"]))
    return out


def picture(c, path):
    """The learning curve as SVG: a dot a network, its mean over the voices that it never heard, and the power law."""
    w, h, top = 560, 300, 60
    x, y = lambda k: 60 + k * 80, lambda e: h - 40 - 100 * e * (h - 60) / top
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">' % (w, h), '<rect width="100%" height="100%" fill="#fff"/>']
    for p in range(0, top + 1, 10):
        out.append('<path d="M60 %.1fH460" stroke="#ddd"/><text x="52" y="%.1f" text-anchor="end">%d %%</text>' % (y(p / 100), y(p / 100) + 4, p))
    out += ['<text x="%.0f" y="%d" text-anchor="middle">%d</text>' % (x(k), h - 22, k) for k in range(6)]
    out.append('<text x="260" y="%d" text-anchor="middle">recorded voices of the language in the training</text>' % (h - 6))
    for lang, colour, name in (("zh", "#b03030", "Mandarin"), ("en", "#2050a0", "English")):
        f = c["fits"][lang + ", together, wrong_language_known"]
        out += ['<circle cx="%.1f" cy="%.1f" r="4" fill="%s" fill-opacity=".7"/>' % (x(k), y(e), colour) for k, e in f["points"]]
        line = " ".join("%.1f,%.1f" % (x(k / 10), y(min(f["a"] * (k / 10 + 1) ** -f["b"], top / 100))) for k in range(51))
        out.append('<polyline points="%s" fill="none" stroke="%s"/><text x="466" y="%.1f" fill="%s">%s</text>' % (line, colour, y(f["a"] * 6 ** -f["b"]) + (-4 if lang == "en" else 12), colour, name))
    with open(path, "w") as f:
        f.write("\n".join(out + ["</svg>"]) + "\n")


def main():
    d = json.load(open(os.path.join(HERE, "..", "..", "digits", "digits.json")))
    r = d["report"]
    out = ["Model `%s`. %s" % (d["model"], r["note"]), "",
           "Isolated digits, ten-way, Wilson 95 % intervals; \"one language\" when it is known which. A digit alone loses its steady vowel to the mean that the features remove, so this is harder than a string.", "",
           "| voice | heard by | wrong of | share | one language | share wrong in prototype A |", "|---|---|---|---|---|---|"]
    heard = [("fold %s (never heard it)" % f, x["tokens"]) for f, x in r["held_out_folds"].items()] + [("shipped (never heard it)", r["evaluation_voices"]["tokens"])]
    for who, tokens in heard:
        for v, t in tokens.items():
            out.append("| %s | %s | %d of %d | %s, %.0f-%.0f %% | %d: %s | %s |" % (
                v, who, t["wrong"], t["n"], share(t["wrong"], t["n"]), 100 * t["interval"][0], 100 * t["interval"][1],
                t["wrong_language_known"], share(t["wrong_language_known"], t["n"]), PROTOTYPE.get(v, "")))
    for c in r["evaluation_voices"]["connected"]:
        out += ["", "The connected string of %s, %s: heard %s." % (c["voice"], c["said"], c["heard"])]
    out += strings(r["held_out"], "Strings joined from tokens of held-out voices (fold networks; the thresholds come from these, so the FAR column is not independent). Thresholds as shipped, with the rule of the digits' number:")
    out += strings(r["evaluation_voices"]["strings"], "The same with the network that ships, on the voices that no weight and no threshold was fitted to (zh: zhengzh, noisy; en: zhengen):")
    out += ["", "Things that are not digits, six random digits, threshold at FAR 1e-3 with the rule of their number: " + "; ".join(
        "%s %.2g (%d clips, %.1f digits heard)" % (k, v["accepted@0.001"]["6"], v["clips"], v["digits_mean"]) for k, v in r["not_digits"].items()) +
        ". Recorded speech: Russian, a voice and a language that were not in the training; the others: synthetic voices and sounds that were not in the training, of the same makers."]
    curve = os.path.join(HERE, "curve.json")
    if os.path.exists(curve):
        c = json.load(open(curve))
        picture(c, os.path.join(HERE, "curve.svg"))
        names = sorted({v for run in c["runs"] for v in run["error"]})
        out += ["", "![Digits wrong, language known, of voices never heard, against the voices in the training](curve.svg)"]
        out += ["", "Learning curve (`curve.py`): the synthetic network goes on %d steps with so many recorded voices a language (none heard the voices of a column). Wrong / wrong where the language is known:" % c["steps"], "",
                "| zh voices | en voices | " + " | ".join("%s (%d)" % (v, c["runs"][0]["error"][v]["n"]) for v in names) + " |", "|---|---|" + "---|" * len(names)]
        for run in c["runs"]:
            out.append("| %d | %d | " % (run["zh"], run["en"]) + " | ".join("%d / %d" % (run["error"][v]["wrong"], run["error"][v]["wrong_language_known"]) for v in names) + " |")
        out += ["", "| fit a (k + 1)^-b, k voices | voices | a | b (90 %) | voices for an error of 3 % (90 %) |", "|---|---|---|---|---|"]
        many = lambda k: "over 10,000" if not k < 1e4 else "%.0f" % k
        for name, f in c["fits"].items():
            out.append("| %s | %s | %.2f | %.2f (%.2f to %.2f) | %s (%s to %s) |" % (
                name.replace("wrong_language_known", "language known").replace(", wrong", ", either language"), ", ".join(f["voices"]), f["a"], f["b"], *f["b_90"], many(f["needed"]), *map(many, f["needed_90"])))
    path = os.path.join(HERE, "README.md")
    text = open(path).read()
    a, b = text.index("<!-- tables -->") + len("<!-- tables -->"), text.index("<!-- /tables -->")
    with open(path, "w") as f:
        f.write(text[:a] + "\n" + "\n".join(out) + "\n" + text[b:])


if __name__ == "__main__":
    main()

"""Writes the tables of docs/miniature.md and its pictures from results.json and measured.json: python3 report.py.

A table stands between <!-- table NAME --> and <!-- end --> and is replaced; the words around it are left alone.
"""

import json
import re
from collections import defaultdict
from pathlib import Path

from plot import Axis, Series, plot

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[2] / "docs"
NAMES = {
    "baseline": "baseline",
    "proxyv_spatial_3": "ProxyV, spatial, from layer 3", "proxyv_learned_3": "ProxyV, learned, from layer 3",
    "vision_zip_91": "VisionZip, 91 of 144 a crop", "pyramid_drop_67": "PyramidDrop, 0.67 at layers 2, 4, 6",
    "fast_v_48": "FastV, 48 % from layer 2", "zip_learned_3": "VisionZip (100) and ProxyV, learned",
    "atn_keep_3": "no attention (keep), from layer 3", "atn_ffn_mlp_3": "no attention, no FFN, light MLP, from layer 3",
    "atn_ffn_3": "no attention, no FFN, from layer 3",
    "proxyv_spatial_1": "ProxyV, spatial, from layer 1", "proxyv_learned_1": "ProxyV, learned, from layer 1",
    "vision_zip_64": "VisionZip, 64 of 144 a crop", "pyramid_drop_33": "PyramidDrop, 0.33 at layers 2, 4, 6",
    "fast_v_17": "FastV, 17 % from layer 2", "atn_keep_1": "no attention (keep), from layer 1",
    "atn_ffn_mlp_1": "no attention, no FFN, light MLP, from layer 1", "atn_ffn_1": "no attention, no FFN, from layer 1",
}
KINDS = ("all", "line", "price", "short")
FAMILIES = (("ProxyV, spatial", ("proxyv_spatial_3", "proxyv_spatial_1")), ("ProxyV, learned", ("proxyv_learned_3", "proxyv_learned_1")),
            ("VisionZip", ("vision_zip_91", "vision_zip_64")), ("PyramidDrop", ("pyramid_drop_67", "pyramid_drop_33")),
            ("FastV", ("fast_v_48", "fast_v_17")), ("VisionZip + learned", ("zip_learned_3",)),
            ("no attention (keep)", ("atn_keep_3", "atn_keep_1")), ("no attention, light MLP", ("atn_ffn_mlp_3", "atn_ffn_mlp_1")))


class Study:
    def __init__(self):
        self.facts = json.loads((HERE / "results.json").read_text())
        measured = HERE / "measured.json"
        self.measured = {m["name"]: m for m in json.loads(measured.read_text())} if measured.exists() else {}
        self.trained, self.untrained = defaultdict(list), {}
        for result in self.facts["results"]:
            if result["trained"]:
                self.trained[result["variant"]].append(result)
            else:
                self.untrained[result["variant"]] = result

    def cost(self, name):
        """FLOPs of a prefill, in per cent of the baseline's; None: not counted."""
        if name not in self.measured:
            return None
        return 100 * self.measured[name]["prefill_gflop"] / self.measured["baseline"]["prefill_gflop"]

    def time(self, name):
        """Milliseconds of a prefill in the library; None: not measured."""
        return self.measured[name]["prefill_ms"]["median"] if name in self.measured else None

    def by_library(self, name):
        """Right answers of the library itself; empty: its checkpoint was not measured."""
        if name not in self.measured or "questions" not in self.measured[name]:
            return ""
        tallies = self.measured[name]["questions"].values()
        return f"{sum(t['right'] for t in tallies)} of {sum(t['asked'] for t in tallies)}"

    def scores(self, name, of):
        """of(result) of every seed."""
        return [of(r) for r in self.trained[name]]


def exact(kind):
    return lambda r: 100 * r["forced"][kind]["right"] / r["forced"][kind]["asked"]


def wrong_receipts(r):
    return 100 - exact("all")(r)


def character_errors(r):
    return 100 * r["greedy_all"]["character_errors"] / r["greedy_all"]["characters"]


def spread(values, digits=2):
    """Mean, and from where to where when there are several."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def trained_table(study):
    rows = []
    for name, words in NAMES.items():
        if name not in study.trained:
            continue
        cost, time = study.cost(name), study.time(name)
        rows.append([words, f"{cost:.0f} %" if cost else "", f"{time:.1f}" if time else "", str(len(study.trained[name])),
                     *(spread(study.scores(name, exact(kind))) for kind in KINDS), spread(study.scores(name, character_errors), 3), study.by_library(name)])
    return table(["method", "FLOPs", "prefill, ms", "seeds", "`read all`", "`read line N`", "`price of X?`", "total, count, date, shop",
                  "wrong characters, %", "right, by the library"], rows)


def untrained_table(study):
    rows = []
    for name, result in study.untrained.items():
        if name.startswith(("mask", "atn")):
            continue
        cost = study.cost(name)
        rows.append([NAMES[name], f"{cost:.0f} %" if cost else "", *(f"{exact(kind)(result):.2f}" for kind in KINDS), f"{character_errors(result):.3f}"])
    return table(["method", "FLOPs", "`read all`", "`read line N`", "`price of X?`", "total, count, date, shop", "wrong characters, %"], rows)


def layers_of(study, stem):
    return sorted((int(name.rsplit("_", 1)[1]), result) for name, result in study.untrained.items() if re.fullmatch(stem + r"_\d", name))


def curve_table(study):
    rows = []
    for stem, words in (("mask_v2v", "masked"), ("atn_keep", "skipped, keep"), ("atn_drop", "skipped, drop"), ("atn_ffn", "skipped with FFN")):
        for layer, result in layers_of(study, stem):
            rows.append([words, str(layer), *(f"{exact(kind)(result):.1f}" for kind in KINDS), f"{character_errors(result):.2f}"])
    return table(["vision attention", "from layer", "`read all`", "`read line N`", "`price of X?`", "total, count, date, shop", "wrong characters, %"], rows)


def facts_line(study):
    f = study.facts
    return (f"{f['steps']} steps of {f['batch']} receipts for every run, {len(set(f['gpus'])) and len(f['gpus'])} x {f['gpus'][0]}, "
            f"{sum(map(len, study.trained.values()))} runs of {len(study.trained)} variants.")


def error_axis(values):
    return Axis("receipts read with a mistake, %", [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
                                                    if t * 2.5 >= min(values) and t <= 2.5 * max(values)] or [0.1, 100], log=True)


def wrong_point(study, name, x):
    values = [max(v, 0.04) for v in study.scores(name, wrong_receipts)]
    return (x, sum(values) / len(values), min(values), max(values))


def cost_picture(study):
    series = [Series(words, [wrong_point(study, n, study.cost(n)) for n in names if n in study.trained and study.cost(n)])
              for words, names in (("baseline", ("baseline",)), *FAMILIES)]
    values = [p[1] for s in series for p in s.points]
    return plot("Mistakes against cost, after the same training", Axis("FLOPs of a prefill, % of the baseline's", [20, 40, 60, 80, 100]),
                error_axis(values), series)


def layer_picture(study):
    series = []
    for stem, words in (("proxyv_spatial", "ProxyV, spatial"), ("proxyv_learned", "ProxyV, learned"), ("atn_keep", "no attention (keep)"),
                        ("atn_ffn_mlp", "no attn., light MLP"), ("atn_ffn", "no attn., no FFN")):
        series.append(Series(words, [wrong_point(study, f"{stem}_{layer}", layer) for layer in (1, 3) if f"{stem}_{layer}" in study.trained]))
    base = wrong_point(study, "baseline", 3)
    series.append(Series("baseline", [(1, *base[1:]), (3, *base[1:])]))
    values = [p[1] for s in series for p in s.points]
    return plot("Mistakes against start layer, trained", Axis("first layer changed", [0, 1, 2, 3, 4]), error_axis(values), series)


def curve_picture(study):
    series = [Series(words, [(layer, exact(kind)(r)) for layer, r in layers_of(study, stem)])
              for stem, kind, words in (("mask_v2v", "all", "masked: read all"), ("mask_v2v", "line", "masked: read line N"),
                                        ("mask_v2v", "price", "masked: price of X?"), ("mask_v2v", "short", "masked: short answers"),
                                        ("atn_keep", "all", "skipped, keep: all"), ("atn_drop", "all", "skipped, drop: all"),
                                        ("atn_ffn", "all", "skipped with FFN: all"))]
    return plot("Vision attention masked or skipped, no training", Axis("from layer", list(range(7))),
                Axis("right answers, %", [0, 20, 40, 60, 80, 100]), series)


def main():
    study = Study()
    page = DOCS / "miniature.md"
    words = page.read_text()
    for name, made in (("facts", facts_line), ("trained", trained_table), ("untrained", untrained_table), ("curve", curve_table)):
        words, found = re.subn(rf"(<!-- table {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + made(study) + "\n" + m[2], words, flags=re.S)
        assert found == 1, f"docs/miniature.md has {found} places for table {name}"
    page.write_text(words)
    for name, made in (("cost", cost_picture), ("layers", layer_picture), ("masking", curve_picture)):
        (DOCS / "pictures" / f"miniature_{name}.svg").write_text(made(study))


if __name__ == "__main__":
    main()

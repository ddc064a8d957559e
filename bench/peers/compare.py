#!/usr/bin/env python3
"""Joins our GPU benchmark's JSON with PyTorch's: one Markdown table of ratios, and the same as JSON.

  python3 bench/peers/compare.py OURS.json TORCH.json [--out RATIOS.json] [--strict]

OURS is `cuda_bench --benchmark_format=json` (medians when repetitions were asked for), TORCH is what
prefill_torch.py wrote. Rows are joined by name. --strict: exit 1 when a target is missed or not measured.
"""

import argparse
import json
import pathlib
import re
import statistics
import sys

TO_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
# What Google Benchmark appends to a name.
SUFFIX = re.compile(
    r"/(manual_time|real_time|process_time|(iterations|repeats|threads|min_time|min_warmup_time):[^/]*)"
)

# name, without the way of timing -> (kind, bound). speed: PyTorch's time / ours, at least; ms: ours, at most.
TARGETS = {
    "prefill/vicuna-7b/baseline": ("speed", 1.04),
    "prefill/vicuna-7b/proxyv_L12": ("speed", 1.15),
    "prefill/vicuna-7b/proxyv_L16": ("speed", 1.12),
    "prefill/llama3-8b/proxyv_L16": ("speed", 1.12),
    "prefill/llama3-8b/proxyv_L20": ("speed", 1.12),
    "attention/causal_2935": ("speed", 1 / 1.3),
    "attention/proxyv_shape": ("ms", 0.025),
    "decode/vicuna-7b": ("ms", 3.9),
    "decode/llama3-8b": ("ms", 4.2),
}
SAVED = ("prefill/vicuna-7b/proxyv_L12", "prefill/vicuna-7b/baseline", 0.45)  # at least that much less time


def read_ours(path):
    """-> {name: {"ms": time, counters}}, medians, and the machine line."""
    document = json.loads(pathlib.Path(path).read_text())
    medians, single = {}, {}
    for entry in document["benchmarks"]:
        if entry.get("error_occurred"):
            continue
        name = SUFFIX.sub("", entry.get("run_name", entry["name"]))
        ms = entry["real_time"] * TO_MS[entry.get("time_unit", "ns")]
        counters = {k: entry[k] for k in ("peak_gib", "peak_bytes") if k in entry}
        if entry.get("run_type") != "aggregate":
            single.setdefault(name, []).append((ms, counters))
        elif entry.get("aggregate_name") == "median":
            medians[name] = dict(ms=ms, **counters)
    for name, runs in single.items():
        medians.setdefault(name, dict(ms=statistics.median(ms for ms, _ in runs), **runs[-1][1]))
    for values in medians.values():
        if "peak_bytes" in values:
            values.setdefault("peak_gib", values.pop("peak_bytes") / 2**30)
    return medians, document.get("context", {})


def target_of(name):
    return TARGETS.get(re.sub(r"/(spaced|back_to_back)$", "", name))


def peer_of(name):
    """PyTorch's row for one of ours: the same name, or, for a variant of a prefill, the plain case's."""
    case = re.match(r"(prefill/[^/]+/(?:baseline|proxyv_L[0-9]+))(?![0-9]).*/(spaced|back_to_back)$", name)
    return "/".join(case.groups()) if case else name


def judged(name, ours, theirs):
    """-> (speed, text of the target, whether it holds; None without a target or without a measurement)."""
    speed = theirs / ours if ours and theirs else None
    kind, bound = target_of(name) or (None, None)
    if kind == "speed":
        return speed, f">= {bound:.2f} x", None if speed is None else speed >= bound
    if kind == "ms":
        text = f"<= {bound} ms" if bound >= 1 else f"<= {1e3 * bound:.0f} us"
        return speed, text, None if ours is None else ours <= bound
    return speed, "-", None


def time_rows(ours, theirs):
    """Every name that both sides have; names with a target also when one side has none."""
    names = {n for n in ours if target_of(n) or peer_of(n) in theirs} | {n for n in theirs if target_of(n)}
    for name in sorted(names):
        a, b = ours.get(name, {}).get("ms"), theirs.get(peer_of(name), {}).get("ms")
        if a is None and b is None:
            continue  # PyTorch's row of both ways of timing in one
        speed, target, met = judged(name, a, b)
        yield dict(name=name, unit="ms", ours=a, torch=b, ratio=speed, target=target, met=met)


def saving_rows(ours):
    proxied, baseline, least = SAVED
    for way in ("spaced", "back_to_back"):
        a, b = (ours.get(f"{case}/{way}", {}).get("ms") for case in (proxied, baseline))
        saved = 1 - a / b if a and b else None
        yield dict(
            name=f"less time than our baseline: {proxied}/{way}",
            unit="",
            ours=saved,
            torch=None,
            ratio=None,
            target=f">= {100 * least:.0f} %",
            met=None if saved is None else saved >= least,
        )


def memory_rows(ours, theirs):
    """Weights of the variant, cache and what the call needs besides; one row per case."""
    seen = set()
    for name, values in sorted(ours.items()):
        case = re.sub(r"/(spaced|back_to_back)$", "", name)
        peer = theirs.get(f"{case}/spaced", {}).get("peak_gib")
        if "peak_gib" not in values or peer is None or case in seen:
            continue
        seen.add(case)
        yield dict(
            name=f"peak memory: {case}",
            unit="GiB",
            ours=values["peak_gib"],
            torch=peer,
            ratio=peer / values["peak_gib"],
            target="<= PyTorch's",
            met=values["peak_gib"] <= peer,
        )


def shown(value, unit):
    if value is None:
        return "-"
    if unit == "ms" and value < 1:
        return f"{1e3 * value:.1f} us"
    return f"{value:.2f} {unit}".strip() if unit else f"{100 * value:.1f} %"


def markdown(rows):
    yield "| case | ours | PyTorch | PyTorch / ours | target | met |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for row in rows:
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        met = {True: "yes", False: "NO", None: "-" if row["target"] == "-" else "not measured"}[row["met"]]
        cells = [shown(row["ours"], row["unit"]), shown(row["torch"], row["unit"]), ratio, row["target"], met]
        yield f"| {row['name']} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ours")
    parser.add_argument("torch")
    parser.add_argument("--out")
    parser.add_argument("--strict", action="store_true")
    choice = parser.parse_args()
    ours, context = read_ours(choice.ours)
    peer = json.loads(pathlib.Path(choice.torch).read_text())
    theirs, meta = peer["results"], peer["meta"]
    rows = [*time_rows(ours, theirs), *saving_rows(ours), *memory_rows(ours, theirs)]
    print(f"{meta['device']}, PyTorch {meta['torch']}, cuDNN {meta['cudnn']}; {context.get('date', '')}\n")
    print("\n".join(markdown(rows)))
    for name, error in peer.get("errors", {}).items():
        print(f"\nPyTorch: {name} failed: {error}")
    if choice.out:
        document = dict(torch=meta, ours=context, rows=rows, torch_errors=peer.get("errors", {}))
        pathlib.Path(choice.out).write_text(json.dumps(document, indent=1) + "\n")
    missed = [row for row in rows if row["target"] != "-" and row["met"] is not True]
    return 1 if choice.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())

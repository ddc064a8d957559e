#!/usr/bin/env python3
"""Joins what run_cpu.sh left in a folder: cpu_bench's runs, PyTorch's, and the other libraries' products.

  python3 bench/peers/cpu_compare.py FOLDER [--out ratios.json] [--markdown FILE] [--strict]

FOLDER has ours-*.json and torch-*.json, a pair for each round, section and number of threads, and gemm_*.json. A
ratio is taken within a round; the table has its median over the rounds. --strict: exit 1 when a target is missed
or not measured.
"""

import argparse
import json
import pathlib
import statistics
import sys

from compare import SUFFIX, TO_MS

# PyTorch's time / ours, at least, on two threads.
TARGETS = {
    "layer/medium/plain/f32/t2": 1 / 0.35,
    "layer/medium/plain/bf16_dot/t2": 1 / 0.28,
    "layer/medium/proxyv/f32/t2": 1 / 0.58,
    "layer/medium/proxyv/bf16_dot/t2": 1 / 0.60,
    "receipts/baseline/question/t1": 2.0,
    "receipts/baseline/question/t2": 2.0,
    "receipts/proxyv/question/t1": 2.0,
    "receipts/proxyv/question/t2": 2.0,
}
# Of our own: this case takes at most so much of that one.
SHARES = (("prefill/medium/proxyv_L9/f32", "prefill/medium/baseline/f32", 0.53),)


def name_of(entry):
    """cpu_bench's name without what Google Benchmark appends; attention without whose it is."""
    return SUFFIX.sub("", entry.get("run_name", entry["name"])).replace("/ours/", "/")


def peer_name(name):
    """PyTorch's bf16 is bf16 throughout, beside our dot products too; its products take weights as they are."""
    for ours, theirs in (("/bf16_dot/", "/bf16/"), ("_packed/", "/")):
        name = name.replace(ours, theirs)
    return name


def read_ours(path):
    """-> {name: (ms, share or None)}; entries that failed are left out."""
    document = json.loads(pathlib.Path(path).read_text())
    return {
        name_of(e): (e["real_time"] * TO_MS[e["time_unit"]], e.get("share"))
        for e in document["benchmarks"]
        if not e.get("error_occurred")
    }


def read_rounds(folder):
    """-> {name: [(ours ms, share, torch ms)]}, one for each round that has both."""
    rounds = {}
    for path in sorted(folder.glob("ours-*.json")):
        peer = folder / path.name.replace("ours-", "torch-", 1)
        theirs = json.loads(peer.read_text())["results"] if peer.exists() else {}
        for name, (ms, share) in read_ours(path).items():
            rounds.setdefault(name, []).append((ms, share, theirs.get(peer_name(name))))
    return rounds


def merged(rounds):
    """Medians over the rounds, a row for each name."""
    for name, runs in rounds.items():
        both = [(ms, torch) for ms, _, torch in runs if torch is not None]
        shares = [share for _, share, _ in runs if share is not None]
        ratio = statistics.median(torch / ms for ms, torch in both) if both else None
        target = TARGETS.get(name)
        yield dict(
            name=name,
            ours=statistics.median(ms for ms, _, _ in runs),
            torch=statistics.median(torch for _, torch in both) if both else None,
            ratio=ratio,
            share=statistics.median(shares) if shares else None,
            rounds=len(runs),
            target=target,
            met=None if target is None or ratio is None else ratio >= target,
        )


def own_shares(rounds):
    """How much less our own cases take than another of ours, round by round."""
    for case, whole, most in SHARES:
        for name in rounds:
            if not name.startswith(case + "/"):
                continue
            other = rounds.get(name.replace(case, whole), [])
            parts = [a[0] / b[0] for a, b in zip(rounds[name], other)]
            if parts:
                part = statistics.median(parts)
                yield dict(name=f"{name} of {whole}", part=part, target=most, met=part <= most)


def read_products(folder):
    """Rows of the other libraries' programs, each measured beside ours in one run."""
    rows = []
    for path in sorted(folder.glob("gemm_*.json")):
        document = json.loads(path.read_text())
        rows += [dict(row, library=document["library"]) for row in document["rows"]]
    return rows


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def table(rows):
    yield "| case | ours, ms | share of the ceiling | PyTorch, ms | PyTorch / ours | aimed at |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for r in rows:
        aim = "-" if r["target"] is None else f"{r['target']:.2f}{'' if r['met'] else ' (missed)'}"
        yield (f"| {r['name']} | {number(r['ours'], 3)} | {percent(r['share'])} | {number(r['torch'], 3)} "
               f"| {number(r['ratio'])} | {aim} |")


def share_table(rows):
    yield "| our own case | takes | aimed at |"
    yield "| --- | ---: | ---: |"
    for r in rows:
        yield f"| {r['name']} | {percent(r['part'])} | {percent(r['target'])}{'' if r['met'] else ' (missed)'} |"


def product_table(rows):
    """Of each shape and number of threads: every method, its share and how many times faster ours is."""
    yield "| product | threads | method | GFLOP/s or GB/s | share of the ceiling | times faster ours is |"
    yield "| --- | ---: | --- | ---: | ---: | ---: |"
    for r in rows:
        rate = r.get("gflop_per_s", r.get("gb_per_s"))
        mark = " ~" if r["disturbed"] else ""
        yield (f"| {r['shape']} | {r['threads']} | {r['method']} ({r['library']}) | {number(rate, 1)} "
               f"| {percent(r['share'])}{mark} | {number(r.get('ours_times_faster'))} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--strict", action="store_true")
    choice = parser.parse_args()
    rounds = read_rounds(choice.folder)
    rows, shares, products = list(merged(rounds)), list(own_shares(rounds)), read_products(choice.folder)
    if not rows and not products:
        sys.exit(f"cpu_compare.py: {choice.folder}: no ours-*.json and no gemm_*.json")
    text = list(table(rows)) if rows else []
    if shares:
        text += ["", *share_table(shares)]
    if products:
        text += ["", *product_table(products)]
    print("\n".join(text))
    if choice.markdown:
        choice.markdown.write_text("\n".join(text) + "\n")
    if choice.out:
        choice.out.write_text(json.dumps(dict(rows=rows, shares=shares, products=products), indent=1) + "\n")
    wanted = set(TARGETS) - {r["name"] for r in rows if r["met"]}
    missed = bool(wanted) or any(not s["met"] for s in shares)
    return 1 if choice.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())

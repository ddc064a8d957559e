#!/usr/bin/env python3
"""Markdown tables of benchmark runs, put between markers of a page.

  python3 bench/tables.py FOLDER [--into docs/benchmarks.md]

FOLDER has what remake.sh left: BLOCK.json as Google Benchmark writes it, and BLOCK.md for blocks that are text already.
A page marks a place with <!-- made: BLOCK --> and <!-- end: BLOCK -->; what stands between is replaced. Without --into
the blocks are printed. A place whose block was not made keeps what it has, and is named on stderr.
"""

import argparse
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "peers"))
from compare import SUFFIX, TO_MS  # noqa: E402

FORMS = ("f32", "f32_packed", "bf16", "bf16_packed", "bf16_dot", "ours", "eigen")
PLACE = re.compile(r"(<!-- made: ([a-z_]+) -->\n)(.*?)(<!-- end: \2 -->)", re.S)
DISTURBED = 0.15  # cores that others used: what is measured then is marked
SLOW = 0.5  # of the best ceiling of the run: where the machine reached less beside a case, the case is marked too


def split_name(name):
    """-> case, form or "", number of threads."""
    parts = SUFFIX.sub("", name).split("/")
    threads = int(parts.pop()[1:]) if re.fullmatch(r"t[0-9]+", parts[-1]) else 0
    forms = [p for p in parts if p in FORMS]
    return "/".join(p for p in parts if p not in FORMS), forms[-1] if forms else "", threads


def ceiling_of(entry):
    """-> what the ceiling is of and for how many threads, and its rate beside the case."""
    return (entry.get("label", "").removesuffix(" ~"), entry.get("threads")), entry.get("ceiling", 0.0)


def best_ceilings(documents):
    best = {}
    for document in documents:
        for kind, rate in map(ceiling_of, document["benchmarks"]):
            best[kind] = max(rate, best.get(kind, 0.0))
    return best


def cell(entry, best):
    """Milliseconds, and in brackets the share of the ceiling."""
    if entry is None:
        return "-"
    if entry.get("error_occurred"):
        return "failed"
    ms = entry["real_time"] * TO_MS[entry["time_unit"]]
    text = f"{ms:.3g}" if ms < 1000 else f"{ms:.0f}"
    if entry.get("share"):
        text += f" ({100 * entry['share']:.0f} %)"
    kind, rate = ceiling_of(entry)
    return text + (" ~" if entry.get("others", 0) >= DISTURBED or rate < SLOW * best.get(kind, 0.0) else "")


def table(document, best):
    """A row for each case and number of threads, a column for each form. best: best_ceilings of the whole run."""
    rows, used = {}, set()
    for entry in document["benchmarks"]:
        case, form, threads = split_name(entry.get("run_name", entry["name"]))
        rows.setdefault((case, threads), {})[form] = entry
        used.add(form)
    forms = [f for f in ("", *FORMS) if f in used]
    yield "| case | threads | " + " | ".join(f or "ms" for f in forms) + " |"
    yield "| --- | ---: |" + " ---: |" * len(forms)
    for (case, threads), entries in rows.items():
        yield f"| {case} | {threads} | " + " | ".join(cell(entries.get(f), best) for f in forms) + " |"


def machine(contexts):
    """What the programs found out about the machine before they began: the best of each ceiling."""
    context = contexts[0]
    ceilings = {}
    for key, value in (item for c in contexts for item in c.items()):
        if re.fullmatch(r"(fma|bf16 dot|read)/t[0-9]+", key):
            ceilings[key] = max(value, ceilings.get(key, "0"), key=lambda text: float(text.split()[0]))
    known = sorted(ceilings)
    yield f"{context.get('machine', 'unknown machine')}; level {context.get('level', '-')}; {context.get('date', '')[:10]}"
    yield ""
    yield "| ceiling | " + " | ".join(known) + " |"
    yield "| --- |" + " ---: |" * len(known)
    yield "| | " + " | ".join(ceilings[k] for k in known) + " |"


def blocks(folder):
    """-> {name: Markdown}."""
    runs = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    runs = {name: document for name, document in runs.items() if "benchmarks" in document}
    best = best_ceilings(runs.values())
    made = {name: "\n".join(table(document, best)) for name, document in runs.items()}
    contexts = [d["context"] for d in runs.values() if "machine" in d.get("context", {})]
    if contexts:
        made["machine"] = "\n".join(machine(contexts))
    made.update({path.stem: path.read_text().rstrip("\n") for path in sorted(folder.glob("*.md"))})
    return made


def filled(page, made):
    """-> the page with its places filled, and the names of those that were not."""
    missing = [name for _, name, _, _ in PLACE.findall(page) if name not in made]

    def fill(match):
        begin, name, old, end = match.groups()
        return begin + (f"\n{made[name]}\n\n" if name in made else old) + end

    return PLACE.sub(fill, page), missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path)
    choice = parser.parse_args()
    made = blocks(choice.folder)
    if not made:
        sys.exit(f"tables.py: {choice.folder}: no runs")
    if not choice.into:
        for name, text in made.items():
            print(f"## {name}\n\n{text}\n")
        return
    if not choice.into.is_file():
        sys.exit(f"tables.py: {choice.into}: no such page")
    page = choice.into.read_text()
    if not PLACE.search(page):
        sys.exit(f"tables.py: {choice.into}: no place marked <!-- made: NAME --> ... <!-- end: NAME -->")
    page, missing = filled(page, made)
    choice.into.write_text(page)
    for name in missing:
        print(f"tables.py: {name} was not made; its place keeps what it had", file=sys.stderr)


if __name__ == "__main__":
    main()

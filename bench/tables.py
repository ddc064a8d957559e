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


def split_name(name):
    """-> case, form or "", number of threads."""
    parts = SUFFIX.sub("", name).split("/")
    threads = int(parts.pop()[1:]) if re.fullmatch(r"t[0-9]+", parts[-1]) else 0
    forms = [p for p in parts if p in FORMS]
    return "/".join(p for p in parts if p not in FORMS), forms[-1] if forms else "", threads


def cell(entry):
    """Milliseconds, and in brackets the share of the ceiling."""
    if entry is None:
        return "-"
    if entry.get("error_occurred"):
        return "failed"
    ms = entry["real_time"] * TO_MS[entry["time_unit"]]
    text = f"{ms:.3g}" if ms < 1000 else f"{ms:.0f}"
    if entry.get("share"):
        text += f" ({100 * entry['share']:.0f} %)"
    return text + (" ~" if entry.get("others", 0) >= DISTURBED else "")


def table(document):
    """A row for each case and number of threads, a column for each form."""
    rows, used = {}, set()
    for entry in document["benchmarks"]:
        case, form, threads = split_name(entry.get("run_name", entry["name"]))
        rows.setdefault((case, threads), {})[form] = entry
        used.add(form)
    forms = [f for f in ("", *FORMS) if f in used]
    yield "| case | threads | " + " | ".join(f or "ms" for f in forms) + " |"
    yield "| --- | ---: |" + " ---: |" * len(forms)
    for (case, threads), entries in rows.items():
        yield f"| {case} | {threads} | " + " | ".join(cell(entries.get(f)) for f in forms) + " |"


def machine(document):
    """What the program found out about the machine before it began."""
    context = document["context"]
    known = [k for k in context if re.fullmatch(r"(fma|bf16 dot|read)/t[0-9]+", k)]
    yield f"{context.get('machine', 'unknown machine')}; level {context.get('level', '-')}; {context.get('date', '')[:10]}"
    yield ""
    yield "| ceiling | " + " | ".join(known) + " |"
    yield "| --- |" + " ---: |" * len(known)
    yield "| | " + " | ".join(context[k] for k in known) + " |"


def blocks(folder):
    """-> {name: Markdown}."""
    made = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        if "benchmarks" not in document:
            continue
        made[path.stem] = "\n".join(table(document))
        if "machine" in document.get("context", {}):
            made.setdefault("machine", "\n".join(machine(document)))
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
    page = choice.into.read_text()
    if not PLACE.search(page):
        sys.exit(f"tables.py: {choice.into}: no place marked <!-- made: NAME --> ... <!-- end: NAME -->")
    page, missing = filled(page, made)
    choice.into.write_text(page)
    for name in missing:
        print(f"tables.py: {name} was not made; its place keeps what it had", file=sys.stderr)


if __name__ == "__main__":
    main()

"""The exam: greedy answers in float32, with the rounded weights, about held-back receipts."""

import json
from collections import defaultdict
from pathlib import Path

import torch

FIRST_SEED, RECEIPTS, FULL_TRANSCRIPTS = 1000000, 120, 20
LONGEST_ANSWER = 150


def questions_of(bridge, index):
    pixels, asked = bridge.exam(FIRST_SEED + index)
    return pixels, [q for q in asked if q["kind"] != "all" or index < FULL_TRANSCRIPTS]


def sit(model, bridge):
    """Every question with the model's "prediction"."""
    torch.backends.cuda.matmul.allow_tf32 = False
    device = next(model.parameters()).device
    results = []
    for index in range(RECEIPTS):
        pixels, asked = questions_of(bridge, index)
        prompts = [bridge.encode("\n" + q["question"] + "\n") for q in asked]
        answers = model.answer(pixels.to(device), prompts, LONGEST_ANSWER, bos=1, eos=2)
        results += [{**q, "prediction": bridge.decode(a)} for q, a in zip(asked, answers)]
    return results


def report(results):
    """Exact-match accuracy by kind, in per cent, as text."""
    right, total = defaultdict(int), defaultdict(int)
    for r in results:
        for kind in (r["kind"], "together"):
            total[kind] += 1
            right[kind] += r["answer"] == r["prediction"]
    kinds = [*sorted(total.keys() - {"together"}), "together"]
    return "\n".join(f"{k:9s} {100 * right[k] / total[k]:6.2f} %  ({right[k]} of {total[k]})" for k in kinds)


def write(results, path):
    Path(path).write_text("".join(json.dumps(r) + "\n" for r in results))

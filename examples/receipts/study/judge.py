"""Marks a model: every next token with the answer fed in, and whole receipts written out greedily. float32 throughout."""

import numpy as np
import torch

from bridge import SLOTS
from decoder import rope_table
from reader import StudyLayout

BATCH = 128
ANSWERS = {0: "all", 1: "line", 2: "price", 4: "fact"}     # slot: kind; the fact is a total, count, date or shop
LONGEST, BOS, EOS = 170, 1, 2


def asking_rows(targets, slots):
    """[B, slots]: the text row, bos before it, that predicts the first token of each answer."""
    starts = np.cumsum([0, *slots[:-1]])
    return torch.stack([1 + int(start) + (part > 0).int().argmax(1)
                        for start, part in zip(starts, targets.split(list(slots), dim=1))], dim=1)


def with_bos(tokens):
    return torch.cat([torch.full_like(tokens[:, :1], BOS), tokens], dim=1)


def right_answers(model, features, tokens, targets, slots, layout):
    """[B, slots]: are all tokens of each answer right?"""
    states, _, _ = model.decode(features, with_bos(tokens), layout, asking_rows(targets, slots))
    logits = model.logits(states[:, layout.newlines + 1:])
    wrong = (logits.argmax(-1) != targets) & (targets > 0)
    return torch.stack([~part.any(-1) for part in wrong.split(list(slots), dim=1)], dim=1)


@torch.no_grad()
def fed(model, pool, count, device):
    """{kind: per cent right}. Models that rank tokens by the question get one question at a time."""
    ranks = model.cfg.reduction in ("pyramid_drop", "fast_v")
    groups = [[s] for s in ANSWERS] if ranks else [list(range(len(SLOTS)))]
    layouts = {n: StudyLayout(model.cfg, n, device) for n in {tuple(SLOTS[s] for s in g) for g in groups}}
    right = {kind: [] for kind in ANSWERS.values()}
    for first in range(0, count, BATCH):
        pixels, tokens, targets = pool.part(range(first, min(first + BATCH, count)), device)
        features = model.project(model.encode(pixels))
        tokens, targets = tokens.split(SLOTS, dim=1), targets.split(SLOTS, dim=1)
        for group in groups:
            sizes = tuple(SLOTS[s] for s in group)
            ok = right_answers(model, features, torch.cat([tokens[s] for s in group], 1),
                               torch.cat([targets[s] for s in group], 1), sizes, layouts[sizes])
            for column, slot in enumerate(group):
                if slot in ANSWERS:
                    right[ANSWERS[slot]].append(ok[:, column])
    return {kind: 100 * torch.cat(r).float().mean().item() for kind, r in right.items()}


def edits(a, b):
    """Levenshtein distance of two id lists."""
    a, b = np.asarray(a), np.asarray(b)
    row, steps = np.arange(len(b) + 1), np.arange(len(b) + 1)
    for i, x in enumerate(a):
        best = np.minimum(row[1:] + 1, row[:-1] + (b != x))
        best = np.concatenate([[i + 1], best])
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


@torch.no_grad()
def transcribe(model, pixels, prompt, device):
    """Greedy transcriptions, lists of ids without </s>."""
    batch, p = len(pixels), prompt.shape[1]
    layout = StudyLayout(model.cfg, [p], device)
    asking = torch.full((batch, 1), p, device=device)
    states, _, cache = model.decode(model.project(model.encode(pixels)), with_bos(prompt), layout, asking)
    choice = model.logits(states[:, -1]).argmax(-1)
    ends = torch.tensor(model.position_of_next(layout), device=device) + p
    tables = rope_table(torch.arange(int(ends.max()) + LONGEST, device=device), model.cfg)
    ends, written = ends.tolist(), [choice]
    done = choice == EOS
    for t in range(LONGEST - 1):
        if bool(done.all()):
            break
        choice = model.continue_from(choice, [tables[:, e + t:e + t + 1] for e in ends], cache).argmax(-1)
        written.append(choice)
        done |= choice == EOS
    rows = torch.stack(written, 1).tolist()
    return [row[:row.index(EOS)] if EOS in row else row for row in rows]


def greedy(model, pool, count, device):
    """Whole transcriptions: per cent exact, and characters wrong per 100."""
    exact = wrong = length = 0
    for first in range(0, count, BATCH):
        pixels, tokens, targets = pool.part(range(first, min(first + BATCH, count)), device)
        targets = targets[:, :SLOTS[0]]
        prompt = tokens[:, :int((targets[0] > 0).int().argmax()) + 1]
        for found, target in zip(transcribe(model, pixels, prompt, device), targets.tolist()):
            truth = [t for t in target if t > 0][:-1]
            exact += found == truth
            wrong += 0 if found == truth else edits(found, truth)
            length += len(truth)
    return {"greedy_exact": 100 * exact / count, "character_errors": 100 * wrong / length}

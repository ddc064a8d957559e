"""Scores of a model on receipts it has not seen: whole answers under teacher forcing, and transcripts by greedy decoding.

Float32 with the weights as they are. "All tokens right when the answer is fed in" is the verdict of greedy decoding.
"""

import torch

from bridge import SLOTS
from decoder import rope_table
from pool import first_labels
from reader import StudyLayout

LONGEST = 170


def ranked_by_text(cfg):
    return cfg.reduction in ("pyramid_drop", "fast_v")


def verdicts(logits, targets):
    """Whether each row's answer is right, and the wrong and all tokens of it."""
    counted = targets > 0
    wrong = (logits.argmax(-1) != targets) & counted
    return ~wrong.any(-1), wrong.sum(-1), counted.sum(-1)


def with_bos(tokens):
    return torch.cat([torch.ones_like(tokens[:, :1]), tokens], dim=1)


def together(model, layout, pixels, tokens, targets):
    """All questions about a picture in one sequence: right where text does not choose tokens."""
    logits = model(pixels, with_bos(tokens), layout)[:, 1:]
    return [verdicts(l, t) for l, t in zip(logits.split(SLOTS, 1), targets.split(SLOTS, 1))]


def one_by_one(model, layouts, pixels, tokens, targets):
    """Each question in a sequence of its own."""
    asking, begin, found = first_labels(targets), 0, []
    for slot, length in enumerate(SLOTS):
        part = slice(begin, begin + length)
        logits = model(pixels, with_bos(tokens[:, part]), layouts[length], asking[:, slot:slot + 1] - begin)[:, 1:]
        found.append(verdicts(logits, targets[:, part]))
        begin += length
    return found


def kinds_of(tokens, reads):
    """Per slot the kind of question of each row, as in the example's README."""
    third = 1 + sum(SLOTS[:3])
    third_kind = ["line" if token == reads else "price" for token in tokens[:, third].tolist()]
    rows = len(tokens)
    return [["all"] * rows, ["line"] * rows, ["price"] * rows, third_kind, ["short"] * rows]


@torch.no_grad()
def forced(model, pool, receipts, count, batch, device):
    """{kind: {right, asked, wrong_tokens, tokens}} over the first `count` receipts."""
    layout = StudyLayout(model.cfg, SLOTS, device)
    layouts = {length: StudyLayout(model.cfg, [length], device) for length in set(SLOTS)} if ranked_by_text(model.cfg) else None
    sums, reads = {}, pool.encode("r")[0]
    for begin in range(0, count, batch):
        pixels, tokens, targets = (torch.tensor(receipts[part][begin:min(begin + batch, count)]).to(device)
                                   for part in ("pixels", "tokens", "targets"))
        tokens, targets = tokens.long(), targets.long()
        found = one_by_one(model, layouts, pixels, tokens, targets) if layouts else together(model, layout, pixels, tokens, targets)
        for kinds, numbers in zip(kinds_of(tokens, reads), found):
            for kind, right, wrong, length in zip(kinds, *(n.tolist() for n in numbers)):
                line = sums.setdefault(kind, {"right": 0, "asked": 0, "wrong_tokens": 0, "tokens": 0})
                line["right"] += right
                line["asked"] += 1
                line["wrong_tokens"] += wrong
                line["tokens"] += length
    return sums


@torch.no_grad()
def transcripts(model, pool, pixels, device):
    """Greedy `read all` of pictures [B, 192, 192, 3], all in step."""
    prompt = pool.encode("\nread all\n")
    layout = StudyLayout(model.cfg, [len(prompt)], device)
    batch = len(pixels)
    text = torch.tensor([[1, *prompt]], device=device).expand(batch, -1)
    asking = torch.full((batch, 1), len(prompt), device=device)
    states, _, cache = model.decode(model.project(model.encode(pixels)), text, layout, asking)
    table = rope_table(torch.arange(layout.image_end + len(prompt) + LONGEST, device=device), model.cfg)
    positions = [p + len(prompt) for p in model.position_of_next(layout)]
    choice, done = model.logits(states[:, -1]).argmax(-1), torch.zeros(batch, dtype=torch.bool, device=device)
    answers = []
    for step in range(LONGEST):
        answers.append(choice)
        done |= choice == 2
        if step % 8 == 0 and done.all():
            break
        ropes = [table[:, p + step:p + step + 1] for p in positions]
        choice = model.continue_from(choice, ropes, cache).argmax(-1)
    rows = torch.stack(answers, dim=1).tolist()
    return [pool.decode(row[:row.index(2)] if 2 in row else row) for row in rows]


def distance(a, b):
    """Edits (Levenshtein) between two texts."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def transcription(model, pool, receipts, count, batch, device):
    """Exact matches and character errors of `count` greedy transcripts."""
    right = errors = characters = 0
    for begin in range(0, count, batch):
        rows = slice(begin, min(begin + batch, count))
        found = transcripts(model, pool, torch.tensor(receipts["pixels"][rows]).to(device), device)
        for text, targets in zip(found, receipts["targets"][rows]):
            wanted = pool.decode([t for t in targets[:SLOTS[0]].tolist() if t > 2])
            right += text == wanted
            errors += distance(text, wanted)
            characters += len(wanted)
    return {"right": right, "asked": count, "character_errors": errors, "characters": characters}

"""Receipts drawn once and shared by every process of a study: plain arrays in files, mapped by whoever reads."""

import json
import queue
import threading
from pathlib import Path

import numpy as np
import torch

from bridge import SLOTS
from config import PICTURE_SIDE

TEXT = sum(SLOTS)
EXAM_SEED = 3000000                  # far from the receipts that are trained on
SHAPES = {"pixels": (PICTURE_SIDE, PICTURE_SIDE, 3), "tokens": (TEXT,), "targets": (TEXT,)}


def arrays(folder, name, count, mode):
    return {part: np.memmap(Path(folder) / f"{name}.{part}", np.uint8, mode, shape=(count, *shape)) for part, shape in SHAPES.items()}


def draw(bridge, folder, name, first_seed, count, threads, go_on=lambda: True, chunk=2048):
    """Fills files with receipts until there are `count` or go_on() says no; returns how many there are."""
    parts, done = arrays(folder, name, count, "w+"), 0
    while done < count and (done == 0 or go_on()):
        size = min(chunk, count - done)
        drawn = dict(zip(("pixels", "tokens", "targets"), bridge.batch(first_seed + done, size, threads)))
        for part, array in parts.items():
            array[done:done + size] = drawn[part].numpy()
        done += size
    return done


def write_facts(folder, **facts):
    path = Path(folder) / "facts.json"
    path.with_suffix(".part").write_text(json.dumps(facts))
    path.with_suffix(".part").rename(path)


class Pool:
    """What a process sees of it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.alphabet = json.loads((self.folder / "alphabet.json").read_text())

    def receipts(self, name, capacity):
        return arrays(self.folder, name, capacity, "r")

    def encode(self, text):
        return [self.alphabet.index(c) + 3 for c in text]

    def decode(self, ids):
        return "".join(self.alphabet[i - 3] if i >= 3 else "?" for i in ids)


def first_labels(targets):
    """[B, 5] text rows (the bos token is row 0) that ask: the last of each prompt."""
    rows, begin = [], 1
    for length in SLOTS:
        rows.append(begin + (targets[:, begin - 1:begin - 1 + length] > 0).int().argmax(1))
        begin += length
    return torch.stack(rows, dim=1)


def ask_one(targets, asking, generator):
    """For half of the pictures only one question counts, and it alone ranks tokens, as at the exam."""
    alone = torch.rand(len(targets), generator=generator) < 0.5
    slot = torch.randint(len(SLOTS), (len(targets),), generator=generator)
    of_slot = torch.repeat_interleave(torch.arange(len(SLOTS)), torch.tensor(SLOTS))
    targets = targets * ~(alone[:, None] & (of_slot[None] != slot[:, None]))
    chosen = asking.gather(1, slot[:, None]).expand_as(asking)
    return targets, torch.where(alone[:, None], chosen, asking)


class Batches:
    """Shuffled batches of a pool by seed, made ahead in a thread; the same for every variant."""

    def __init__(self, receipts, available, batch, seed, device, ranked, ahead=4):
        self.ready, self.device, self.stopped = queue.Queue(ahead), device, False
        order = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)

        def work():
            while not self.stopped:
                shuffled = order.permutation(available)
                for begin in range(0, available - batch + 1, batch):
                    rows = np.sort(shuffled[begin:begin + batch])
                    pixels, tokens, targets = (torch.from_numpy(receipts[part][rows]) for part in SHAPES)
                    asking = first_labels(targets)
                    if ranked:
                        targets, asking = ask_one(targets, asking, generator)
                    made = (pixels, tokens.long(), targets.long(), asking)
                    if device != "cpu":
                        made = tuple(t.pin_memory() for t in made)
                    if self.stopped:
                        return
                    self.ready.put(made)

        threading.Thread(target=work, daemon=True).start()

    def next(self):
        return [t.to(self.device, non_blocking=True) for t in self.ready.get()]

    def stop(self):
        self.stopped = True
        while not self.ready.empty():
            self.ready.get_nowait()

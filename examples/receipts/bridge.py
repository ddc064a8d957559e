"""The C++ generator from Python: training batches, and the exam of held-back receipts."""

import ctypes
import json
import os
import queue
import subprocess
import tempfile
import threading
from pathlib import Path

import numpy as np
import torch

from config import PICTURE_SIDE

SLOTS = (170, 32, 32, 32, 32)        # as in bridge.cpp
PATCHES, LABELS = 576, 5
EXAM_BYTES = 1 << 16


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Bridge:
    def __init__(self):
        source = Path(__file__).with_name("bridge.cpp")
        library = Path(tempfile.mkdtemp()) / "libreceipts.so"
        subprocess.run(["g++", "-std=c++20", "-O3", "-march=native", "-shared", "-fPIC", "-pthread",
                        str(source), "-o", str(library)], check=True)
        self.library = ctypes.CDLL(str(library))
        self.library.receipts_alphabet.restype = ctypes.c_char_p
        self.library.receipts_exam.restype = ctypes.c_size_t
        self.alphabet = self.library.receipts_alphabet().decode()

    def encode(self, text):
        return [self.alphabet.index(c) + 3 for c in text]

    def decode(self, ids):
        return "".join(self.alphabet[i - 3] if i >= 3 else "?" for i in ids)

    def batch(self, first_seed, count, threads):
        """pixels, tokens, targets (0 = no loss), labels per patch; all bytes."""
        pixels = np.empty((count, PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)
        tokens = np.zeros((count, sum(SLOTS)), np.uint8)
        targets = np.zeros_like(tokens)
        labels = np.zeros((count, PATCHES, LABELS), np.uint8)
        arrays = (pixels, tokens, targets, labels)
        self.library.receipts_batch(ctypes.c_uint64(first_seed), ctypes.c_size_t(count), ctypes.c_size_t(threads),
                                    *map(pointer, arrays))
        return [torch.from_numpy(a) for a in arrays]

    def exam(self, seed):
        """The photograph and a list of {"seed", "pixels", "kind", "question", "answer"}."""
        pixels = np.empty((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)
        text = ctypes.create_string_buffer(EXAM_BYTES)
        size = self.library.receipts_exam(ctypes.c_uint64(seed), pointer(pixels), text, ctypes.c_size_t(EXAM_BYTES))
        return torch.from_numpy(pixels), [json.loads(line) for line in text.raw[:size].decode().splitlines()]


class Feeder:
    """Draws batches ahead of time in a background thread."""

    def __init__(self, bridge, first_seed, count, device, ahead=4):
        self.ready = queue.Queue(ahead)
        threads = max(1, (os.cpu_count() or 1) // int(os.environ.get("WORLD_SIZE", "1")))

        def work():
            seed = first_seed
            while True:
                batch = bridge.batch(seed, count, threads)
                if device != "cpu":
                    batch = [t.pin_memory() for t in batch]
                self.ready.put(batch)
                seed += count

        self.device = device
        threading.Thread(target=work, daemon=True).start()

    def next(self):
        return [t.to(self.device, non_blocking=True) for t in self.ready.get()]

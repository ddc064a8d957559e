#!/usr/bin/env python3
"""PyTorch on the CPU, doing what cpu_bench does, as JSON.

  python3 bench/peers/cpu_torch.py [--sections layer,attention,receipts,...] [--threads 1] [--seconds 0.3]
      [--models medium] [--checkpoints examples/receipts] [--questions FOLDER] [--out torch.json]

Names are cpu_bench's. Sections: gemm, gemv, attention, layer, prefill, decode, receipts. The layers are those of the
GPU comparison (layers.py), uncompiled: projections of the same rows are one product. Written for Debian's PyTorch 1.13.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from layers import attend
from peer import DecodeState, Peer
from receipts_torch import Exam
from workload import Sizes

MEDIUM = Sizes(
    "medium", 2816, 16, 32000, 1e4, (9,), hidden=1024, layers=24, heads=16, inner=256
)
TINY = Sizes("tiny", 128, 2, 96, 1e4, (2,), hidden=64, layers=4, heads=4, inner=32, side=8)
VICUNA = Sizes("vicuna-7b", 11008, 32, 32000, 1e4, (12,))
MODELS = {s.name: s for s in (MEDIUM, TINY, VICUNA)}
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
CONTEXTS = {"medium": (1024, 2935), "tiny": (100,)}


def repeated(call, seconds):
    """Seconds of one call: the median of at least three, after one that warms up."""
    call()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def layer_peer(sizes, dtype, start):
    """One layer of a model, plain (start 1) or ProxyV (start 0), with what goes into it."""
    one = Sizes(**{**vars(sizes), "layers": 1, "starts": (0,), "vocab": 64})
    peer = Peer(one, "cpu", dtype)
    peer.causal = peer.masked = None
    peer.make_cache(peer.prompt.keys)
    x = torch.randn(peer.prompt.rows, one.hidden).to(dtype)
    return peer, x


class Bench:
    def __init__(self, choice):
        self.choice, self.results = choice, {}

    def put(self, name, call, parts=1):
        seconds = repeated(call, self.choice.seconds) / parts
        self.results[f"{name}/t{self.choice.threads}"] = 1e3 * seconds
        print(f"{name}/t{self.choice.threads}  {1e3 * seconds:.3f} ms", file=sys.stderr, flush=True)

    def products(self, sizes, rows):
        d, f, inner = sizes.hidden, sizes.ffn, sizes.inner
        if rows == 1:
            return [("q", 1, d, d), ("gate", 1, d, f), ("down", 1, f, d)]
        few, vision = 55 + 5 * (sizes.side // sizes.factor) ** 2, 5 * sizes.side**2
        return [
            ("q", vision + 55, d, d), ("gate", vision + 55, d, f), ("down", vision + 55, f, d),
            ("few_gate", few, d, f), ("few_down", few, f, d),
            ("update_in", vision, d, inner), ("update_mix", vision, 2 * inner, inner), ("update_out", vision, inner, d),
        ]

    def gemm(self, sizes):
        for label, dtype in TYPES.items():
            for part, m, k, n in self.products(sizes, 0):
                x, w = torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype)
                self.put(f"gemm/{sizes.name}/{part}/{m}x{k}x{n}/{label}", lambda: F.linear(x, w))

    def gemv(self, sizes):
        """So many matrices in turn that no cache holds them."""
        for label, dtype in TYPES.items():
            for part, m, k, n in self.products(sizes, 1):
                x = torch.randn(m, k).to(dtype)
                ws = [torch.randn(n, k).to(dtype) for _ in range(max(2, (256 << 20) // (4 * k * n)))]
                self.put(f"gemv/{sizes.name}/{part}/{m}x{k}x{n}/{label}", lambda: [F.linear(x, w) for w in ws], len(ws))

    def attention(self, sizes):
        if sizes.name != "medium":
            return
        for heads, dim in ((8, 128), (16, 64)):
            q, k, v = (torch.randn(1, heads, 3115, dim) for _ in range(3))
            whole = [t[:, :, :2935].contiguous() for t in (q, k, v)]
            self.put(f"attention/causal_2935/{heads}x{dim}", lambda: attend(*whole, is_causal=True))
            few = q[:, :, :235].contiguous()
            self.put(f"attention/dense_235x3115/{heads}x{dim}", lambda: attend(few, k, v))

    def layer(self, sizes):
        for label, dtype in TYPES.items():
            peer, x = layer_peer(sizes, dtype, 1)
            w, f = peer.weights, peer.eager
            h = f.norm(x, w.layers[0]["gain"])
            plain = [*w.of(0, w.plain), w.next_gain(0), *peer.reading, *peer.cache[0]]
            self.put(f"layer/{sizes.name}/plain/{label}", lambda: f.plain(x, h, *plain))
            full, rest, both = peer.enter(x, 0)
            for form, light in (("proxyv", w.folded), ("proxyv_plain_form", w.update)):
                more = [*w.of(0, w.plain), w.next_gain(0), *w.of(0, light), *peer.tail, peer.mask, *peer.cache[0]]
                run = f.folded if form == "proxyv" else f.proxyv
                self.put(f"layer/{sizes.name}/{form}/{label}", lambda: run(full, rest, both, *more))

    def whole(self, sizes, label):
        peer = Peer(sizes, "cpu", TYPES[label])
        peer.causal = peer.masked = None
        peer.make_cache(peer.prompt.keys)
        return peer

    def prefill(self, sizes):
        start = sizes.starts[0]
        for label in TYPES:
            peer = self.whole(sizes, label)
            x = torch.randn(peer.prompt.rows, sizes.hidden).to(TYPES[label])
            self.put(f"prefill/{sizes.name}/baseline/{label}", lambda: peer.prefill(x, sizes.layers))
            self.put(f"prefill/{sizes.name}/proxyv_L{start}/{label}", lambda: peer.prefill(x, start, "folded"))

    def decode(self, sizes):
        for label in TYPES:
            peer = self.whole(sizes, label)
            for context in CONTEXTS[sizes.name]:
                state = DecodeState(peer, context)
                peer.make_cache(state.capacity, random=True)

                def token():
                    state.reset()
                    peer.token(state, peer.eager.decode_masked, None, None)

                self.put(f"decode/{sizes.name}/after_{context}/{label}", token)

    def receipts(self, sizes):
        if sizes.name != "medium" or not self.choice.questions:
            return
        for variant in ("baseline", "proxyv"):
            exam = Exam(f"{self.choice.checkpoints}/{variant}", f"{self.choice.questions}/{variant}")
            different = exam.different()
            if different:
                sys.exit(f"cpu_torch.py: {different} of {len(exam.asked)} answers of {variant} are not cpu_bench's")
            self.put(f"receipts/{variant}/question", exam.ask_all, len(exam.asked))


SECTIONS = ("gemm", "gemv", "attention", "layer", "prefill", "decode", "receipts")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default="attention,layer")
    parser.add_argument("--models", default="medium")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3, help="a figure is taken over at least so long")
    parser.add_argument("--checkpoints", default="examples/receipts")
    parser.add_argument("--questions", help="what cpu_bench --questions-out wrote; the section receipts needs it")
    parser.add_argument("--out")
    choice = parser.parse_args()
    sections, models = choice.sections.split(","), choice.models.split(",")
    for section in sections:
        if section not in SECTIONS:
            parser.error(f"no section {section}; there are {', '.join(SECTIONS)}")
    for model in models:
        if model not in MODELS:
            parser.error(f"no model {model}; there are {', '.join(MODELS)}")
    if "receipts" in sections and not choice.questions:
        parser.error("the section receipts needs --questions")
    torch.set_grad_enabled(False)
    torch.set_num_threads(choice.threads)
    bench = Bench(choice)
    for section in sections:
        for model in models:
            getattr(bench, section)(MODELS[model])
    document = {"torch": torch.__version__, "threads": choice.threads, "results": bench.results}
    if choice.out:
        pathlib.Path(choice.out).write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

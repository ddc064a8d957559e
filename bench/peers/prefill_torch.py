#!/usr/bin/env python3
"""PyTorch at its best on the work of our GPU benchmark (bf16, batch 1, random weights).

  python3 bench/peers/prefill_torch.py --out torch.json [--models vicuna-7b,llama3-8b]
                                       [--sections attention,prefill,decode] [--deadline SECONDS]

Layers are compiled one by one (torch.compile, default mode, one compilation per kind of layer), the whole
call is a CUDA graph; attention is the fastest fused kernel for its shape; ProxyV also in its folded form.
Results are named as those of our benchmark, so that compare.py can join them. README.md says what is timed.
"""

import argparse
import gc
import json
import os
import statistics
import sys

try:
    import torch
except ImportError:
    sys.exit("bench/peers/prefill_torch.py: this python has no torch")

from peer import STEPS, DecodeState, Peer
from timing import back_to_back, backend, captured, elapsed, many_in_graph, peak_of, say, spaced, timed
from workload import MODELS

CAPACITY = 3200  # rows of the cache
GIB = 2**30


def difference(found, wanted):
    """Relative, in norm; NaN and infinity never pass."""
    found, wanted = found.float(), wanted.float()
    assert torch.isfinite(found).all(), "results are not finite"
    return float((found - wanted).norm() / wanted.norm())


class Bench:
    def __init__(self, choice):
        self.choice, self.results, self.errors = choice, {}, {}

    def put(self, name, **values):
        self.results[name] = values
        shown = "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
        say(f"{name:44s} {shown}")
        self.save()

    def save(self):
        properties = torch.cuda.get_device_properties(0)
        meta = dict(
            device=properties.name,
            sms=properties.multi_processor_count,
            torch=torch.__version__,
            cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version(),
        )
        with open(self.choice.out, "w") as file:
            json.dump(dict(meta=meta, results=self.results, errors=self.errors), file, indent=1)

    def attempt(self, name, work, *arguments):
        """A part that fails is told and leaves the others standing; it gives None."""
        try:
            return work(*arguments)
        except Exception as error:
            self.errors[name] = f"{type(error).__name__}: {str(error)[:300]}"
            say("ERROR", name, self.errors[name])
            torch.cuda.synchronize()
            self.save()

    # ---- attention alone: every backend, the best one is the result

    def best_attention(self, name, call, backends):
        times = {}

        def time_one(kind):
            def run(i):
                with backend(kind):
                    return call(i)

            times[kind] = many_in_graph([lambda i=i: run(i) for i in range(12)])

        for kind in backends:
            self.attempt(f"{name}.{kind}", time_one, kind)
        best = min(times, key=times.get)
        self.put(name, ms=times[best], backend=best, **{f"ms_{k}": v for k, v in times.items() if k != best})
        return best

    def attention(self, peer):
        """Three sets of operands in rotation, laid out as the model produces them."""
        s, p = peer.sizes, peer.prompt

        def operand(rows, heads):
            return torch.randn(1, rows, heads, s.head_dim, device=peer.device, dtype=peer.dtype).transpose(
                1, 2
            )

        sets = [
            (
                operand(p.rows, s.heads),
                operand(p.queries, s.heads),
                operand(p.keys, s.kv_heads),
                operand(p.keys, s.kv_heads),
            )
            for _ in range(3)
        ]
        shared = {"enable_gqa": True} if s.group > 1 else {}
        fused = torch.nn.functional.scaled_dot_product_attention

        def causal(i):
            q, _, k, v = sets[i % 3]
            return fused(q, k[:, :, : p.rows], v[:, :, : p.rows], is_causal=True, **shared)

        def masked(i):
            _, q, k, v = sets[i % 3]
            return fused(q.reshape(1, s.kv_heads, -1, s.head_dim), k, v, attn_mask=peer.mask)

        prefix = "attention/" if s.name == "vicuna-7b" else f"attention/{s.name}/"
        peer.causal = self.best_attention(f"{prefix}causal_{p.rows}", causal, ("cudnn", "flash"))
        peer.masked = self.best_attention(f"{prefix}proxyv_shape", masked, ("cudnn", "efficient"))

    # ---- prefill

    def prefill(self, peer):
        peer.make_cache(CAPACITY)
        generator = torch.Generator(device=peer.device).manual_seed(7)
        x = torch.randn(peer.prompt.rows, peer.sizes.hidden, device=peer.device, generator=generator).to(
            peer.dtype
        )
        runs = [("baseline", "", peer.sizes.layers)]
        runs += [(f"proxyv_L{s}", form, s) for s in peer.sizes.starts for form in ("proxyv", "folded")]
        wanted = self.eager_logits(peer, x, runs)
        peer.compile()
        for case, form, start in runs:
            name = f"prefill/{peer.sizes.name}/{case}" + ("/folded" if form == "folded" else "")
            self.attempt(name, self.one_prefill, peer, x, name, form, start, wanted[case])
            gc.collect()
            torch.cuda.empty_cache()
        self.best_forms(peer.sizes)

    def eager_logits(self, peer, x, runs):
        peer.layers = peer.eager
        return {
            case: peer.prefill(x, start, form or "proxyv").clone()
            for case, form, start in runs
            if form != "folded"
        }

    def one_prefill(self, peer, x, name, form, start, wanted):
        def call():
            return peer.prefill(x, start, form or "proxyv")

        call()
        beyond, peak = peak_of(call)
        needed = peer.weights.bytes(start, peer.weights.folded if form == "folded" else peer.weights.update)
        needed += sum(t.numel() * t.element_size() for pair in peer.cache for t in pair)
        graph, logits = captured(call, 1)
        busy, cool = back_to_back(graph.replay), spaced(graph.replay)
        self.put(
            name,
            back_to_back=busy,
            spaced=cool,
            peak_gib=(needed + beyond) / GIB,
            beyond_gib=beyond / GIB,
            allocator_peak_gib=peak / GIB,
            off_eager=difference(logits, wanted),
        )

    def best_forms(self, sizes):
        """What our benchmark is compared with: the faster form, per way of timing."""
        cases = {}
        for name, values in list(self.results.items()):
            if name.startswith(f"prefill/{sizes.name}/") and "spaced" in values:
                cases.setdefault(name.removesuffix("/folded"), []).append((name, values))
        for case, forms in cases.items():
            for way in ("spaced", "back_to_back"):
                source, values = min(forms, key=lambda form: form[1][way])
                self.results[f"{case}/{way}"] = dict(
                    ms=values[way], source=source, peak_gib=values["peak_gib"]
                )
        self.save()

    # ---- decode

    def decode(self, peer):
        state = DecodeState(peer, peer.prompt.rows)
        peer.make_cache(state.capacity, random=True)
        ways = [("flex", None), ("masked", None)] if peer.sizes.group > 1 else [("masked", None)]
        if self.choice.tuned:
            ways.insert(1, (ways[0][0], {"coordinate_descent_tuning": True}))
        found = {}
        reference = self.first_hidden(peer, state)
        for way, options in ways:
            name = f"decode/{peer.sizes.name}/{way}" + ("/tuned" if options else "")
            ms = self.attempt(name, self.one_decode, peer, state, name, way, options, reference)
            if ms is not None:
                found[name] = ms
        best = min(found, key=found.get)
        self.put(f"decode/{peer.sizes.name}", ms=found[best], source=best)

    def first_hidden(self, peer, state):
        peer.layers = peer.eager
        peer.token(state, peer.eager.decode_masked, None, "efficient")
        return state.hidden.clone()

    def one_decode(self, peer, state, name, way, options, reference):
        peer.compile(options)
        blocks, attention = None, "cudnn"
        if way == "flex":
            from torch.nn.attention.flex_attention import create_block_mask

            every = (lambda b, h, q, k: k >= 0, None, None, 1, state.capacity)
            blocks = create_block_mask(*every, device=peer.device)
            attention = None
        layer = getattr(peer.layers, f"decode_{way}")

        def step():
            peer.token(state, layer, blocks, attention)

        state.reset()
        step()
        off = difference(state.hidden, reference)
        step()
        graph, _ = captured(step, 1)

        def tokens():
            state.reset()
            for _ in range(STEPS):
                graph.replay()

        timed(tokens, 1)
        ms = statistics.median(timed(tokens, 5)) / STEPS
        self.put(name, ms=ms, off_eager=off)
        return ms


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="vicuna-7b,llama3-8b")
    parser.add_argument("--sections", default="attention,prefill,decode")
    parser.add_argument("--out", default=os.path.join(os.environ.get("OUT", "."), "torch.json"))
    parser.add_argument(
        "--deadline", type=float, default=1e9, help="seconds after which no further section starts"
    )
    parser.add_argument(
        "--no-tuned",
        dest="tuned",
        action="store_false",
        help="leave out decoding with coordinate-descent tuning, which compiles longer",
    )
    choice = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("bench/peers/prefill_torch.py: torch finds no CUDA device")
    torch.set_grad_enabled(False)
    bench = Bench(choice)
    for model in choice.models.split(","):
        say(model, "weights")
        peer = Peer(MODELS[model])
        for section in ("attention", "prefill", "decode"):
            if section not in choice.sections.split(","):
                continue
            if elapsed() > choice.deadline:
                bench.errors[f"{section}/{model}"] = "left out: deadline"
                continue
            bench.attempt(f"{section}/{model}", getattr(bench, section), peer)
        del peer
        gc.collect()
        torch.cuda.empty_cache()
    bench.save()
    say("wrote", choice.out, "errors:", bench.errors or "none")
    return 1 if bench.errors else 0


if __name__ == "__main__":
    sys.exit(main())

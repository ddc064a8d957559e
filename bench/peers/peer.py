"""Peer: one model on the device, run layer by layer; eager, or with compiled layers."""

import contextlib

import torch

from layers import first_proxies, make_layers
from timing import backend
from workload import Prompt, Weights, rotary

STEPS = 64  # tokens of one decode measurement


class Peer:
    """Weights, prompt, cache and layers of one model."""

    def __init__(self, sizes, device="cuda", dtype=torch.bfloat16):
        self.sizes, self.device, self.dtype = sizes, device, dtype
        self.prompt, self.weights = Prompt(sizes, device), Weights(sizes, device, dtype)
        self.eager = make_layers(sizes, self.prompt)
        self.layers = self.eager
        self.causal, self.masked, self.cache = "cudnn", "cudnn", None
        self.reading = rotary(torch.arange(self.prompt.rows, device=device), sizes, dtype)
        self.tail = rotary(self.prompt.key_positions, sizes, dtype)
        self.mask = self.prompt.mask(sizes.group, dtype)

    def compile(self, options=None):
        torch._dynamo.reset()
        for limit in ("cache_size_limit", "recompile_limit"):
            if hasattr(torch._dynamo.config, limit):
                setattr(torch._dynamo.config, limit, 64)
        self.layers = type(self.eager)()
        for name, function in vars(self.eager).items():
            fast = torch.compile(function, fullgraph=True, dynamic=False, options=options)
            setattr(self.layers, name, fast)

    def make_cache(self, capacity, random=False):
        self.cache = None
        make = torch.randn if random else torch.zeros
        shape = (1, self.sizes.kv_heads, capacity, self.sizes.head_dim)
        self.cache = [
            tuple(make(shape, device=self.device, dtype=self.dtype) for _ in range(2))
            for _ in range(self.sizes.layers)
        ]

    def prefill(self, x, start, form="proxyv"):
        """x [rows, hidden] in reading order -> logits [1, vocab] of the last word. Plain before `start`."""
        w, f, prompt = self.weights, self.layers, self.prompt
        names = w.plain
        h = f.norm(x, w.layers[0]["gain"])
        with contextlib.ExitStack() as scope:
            scope.enter_context(backend(self.causal))
            for i in range(self.sizes.layers):
                if i < start:
                    x, h = f.plain(x, h, *w.of(i, names), w.next_gain(i), *self.reading, *self.cache[i])
                    continue
                if i == start:
                    scope.enter_context(backend(self.masked))
                    full, x, h = self.enter(x, i)
                light = w.folded if form == "folded" else w.update
                full, x, h = getattr(f, form)(
                    full,
                    x,
                    h,
                    *w.of(i, names),
                    w.next_gain(i),
                    *w.of(i, light),
                    *self.tail,
                    self.mask,
                    *self.cache[i]
                )
        last = prompt.rows - 1
        return torch.nn.functional.linear(h[last : last + 1], w.head)

    def enter(self, x, i):
        """From reading order to tail order, with the proxies made."""
        packed = x.index_select(0, self.prompt.packed)
        vision = packed[: self.prompt.vision]
        both = torch.cat([packed, first_proxies(vision, self.sizes)])
        return vision, both[self.prompt.vision :], self.layers.norm(both, self.weights.layers[i]["gain"])

    def token(self, state, layer, blocks, attention):
        """One step of greedy decoding, all of it on the device: state.token and state.at move on."""
        w, f = self.weights, self.layers
        x = w.embedding[state.token]
        h = f.norm(x, w.layers[0]["gain"])
        tables = [table[state.at] for table in state.tables]
        see = blocks
        if blocks is None:
            see = torch.zeros(1, 1, self.sizes.group, state.capacity, device=self.device, dtype=self.dtype)
            see.masked_fill_(state.index > state.at, float("-inf"))
        with backend(attention):
            for i in range(self.sizes.layers):
                x, h = layer(x, h, *w.of(i, w.plain), w.next_gain(i), *tables, *self.cache[i], state.at, see)
        state.hidden.copy_(h)
        state.token.copy_(f.choose(h, w.head))
        state.at.add_(1)


class DecodeState:
    def __init__(self, peer, context):
        self.context, self.capacity = context, (context + STEPS + 7) // 8 * 8
        self.token, self.at = (torch.zeros(1, dtype=torch.long, device=peer.device) for _ in range(2))
        self.index = torch.arange(self.capacity, device=peer.device)
        self.hidden = torch.zeros(1, peer.sizes.hidden, device=peer.device, dtype=peer.dtype)
        self.tables = rotary(self.index, peer.sizes, peer.dtype)
        self.reset()

    def reset(self):
        self.token.fill_(1)
        self.at.fill_(self.context)

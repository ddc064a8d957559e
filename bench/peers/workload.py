"""What is run: model sizes, the prompt (who stands where, who sees whom) and random weights.

The prompt is the one of GPU_PEERS.md: 35 words, five crops of 24 x 24 vision tokens with a newline after
each, 15 words. Plain layers run in reading order, where visibility is plain causality. ProxyV layers run in
"tail order": keys [vision | newline | text | proxies], queries [newline | text | proxies], so that dropping
the proxies from the cache is a truncation and costs nothing.
"""

import dataclasses

import torch


@dataclasses.dataclass(frozen=True)
class Sizes:
    name: str
    ffn: int
    kv_heads: int
    vocab: int
    theta: float
    starts: tuple
    hidden: int = 4096
    layers: int = 32
    heads: int = 32
    inner: int = 1024  # width inside the vision update
    eps: float = 1e-5
    crops: int = 5
    side: int = 24
    factor: int = 4
    words_before: int = 35
    words_after: int = 15

    @property
    def head_dim(self):
        return self.hidden // self.heads

    @property
    def kv_width(self):
        return self.kv_heads * self.head_dim

    @property
    def group(self):
        return self.heads // self.kv_heads


MODELS = {
    s.name: s
    for s in (
        Sizes("vicuna-7b", 11008, 32, 32000, 1e4, (12, 16)),
        Sizes("llama3-8b", 14336, 8, 128256, 5e5, (16, 20)),
    )
}


class Prompt:
    """Positions and visibility of the prompt above."""

    def __init__(self, sizes, device):
        per_crop, small = sizes.side**2, (sizes.side // sizes.factor) ** 2
        self.vision, self.proxies = sizes.crops * per_crop, sizes.crops * small
        self.seeing = sizes.crops + sizes.words_before + sizes.words_after  # newline and text rows
        self.rows = self.vision + self.seeing
        self.queries, self.keys = self.seeing + self.proxies, self.rows + self.proxies
        image = sizes.words_before + torch.arange(sizes.crops * (per_crop + 1)).view(sizes.crops, -1)
        after = sizes.words_before + image.numel()
        text = torch.cat([torch.arange(sizes.words_before), after + torch.arange(sizes.words_after)])
        packed = torch.cat([image[:, :-1].flatten(), image[:, -1], text])  # vision, newlines, text
        keys = torch.cat([packed, sizes.words_before + torch.arange(self.proxies)])
        assert sorted(packed.tolist()) == list(range(self.rows))
        self.packed, self.key_positions = packed.to(device), keys.to(device)
        self.query_positions = self.key_positions[self.vision :]
        self.visible = self.query_positions[:, None] >= self.key_positions[None]
        self.visible[self.seeing :, : self.vision] = False  # proxies see no vision row
        self.visible[: self.seeing, self.rows :] = False  # and only proxies see proxies

    def mask(self, copies, dtype):
        """`visible`, `copies` times below itself, as is added to scores: [1, 1, copies * queries, keys]."""
        stride = (self.keys + 15) // 16 * 16  # fused kernels want aligned rows
        rows = torch.zeros(copies * self.queries, stride, dtype=dtype, device=self.visible.device)
        hidden = torch.nn.functional.pad(~self.visible, (0, stride - self.keys), value=True)
        return rows.masked_fill_(hidden.repeat(copies, 1), float("-inf"))[None, None, :, : self.keys]


def rotary(positions, sizes, dtype):
    """-> cosines, sines, each [rows, head_dim]."""
    even = torch.arange(0, sizes.head_dim, 2, device=positions.device, dtype=torch.float32)
    angle = positions.float()[:, None] * sizes.theta ** (-even / sizes.head_dim)
    return tuple(torch.cat([f(angle)] * 2, -1).to(dtype) for f in (torch.cos, torch.sin))


class Weights:
    """N(0, 0.02) matrices and gains near 1, made on the device. Light modules from the first start on."""

    plain = ("qkv", "out", "gain_ffn", "gate_up", "down")
    update = ("vision_in", "context", "middle", "vision_out", "gain_vision")
    folded = ("folded_in", "folded_context", "vision_out", "gain_vision")

    def __init__(self, sizes, device, dtype=torch.bfloat16):
        generator = torch.Generator(device=device).manual_seed(1)

        def matrix(*shape):
            return torch.empty(*shape, device=device, dtype=dtype).normal_(0, 0.02, generator=generator)

        def gain():
            return torch.empty(d, device=device, dtype=dtype).normal_(1, 0.1, generator=generator)

        d, ffn, inner = sizes.hidden, sizes.ffn, sizes.inner
        self.layers = [
            dict(
                qkv=matrix(d + 2 * sizes.kv_width, d),
                out=matrix(d, d),
                gate_up=matrix(2 * ffn, d),
                down=matrix(d, ffn),
                gain=gain(),
                gain_ffn=gain(),
            )
            for _ in range(sizes.layers)
        ]
        for layer in self.layers[min(sizes.starts) :]:
            layer.update(
                vision_in=matrix(inner, d),
                context=matrix(inner, d),
                middle=matrix(inner, 2 * inner),
                vision_out=matrix(d, inner),
                gain_vision=gain(),
            )
            first, second = layer["middle"].float().split(inner, 1)
            layer["folded_in"] = (first @ layer["vision_in"].float()).to(dtype)
            layer["folded_context"] = (second @ layer["context"].float()).to(dtype)
        self.last_gain, self.head, self.embedding = gain(), matrix(sizes.vocab, d), matrix(sizes.vocab, d)

    def next_gain(self, i):
        return self.layers[i + 1]["gain"] if i + 1 < len(self.layers) else self.last_gain

    def of(self, i, names):
        return [self.layers[i][name] for name in names]

    def bytes(self, start, update):
        """Of a model with ProxyV layers from `start` on."""
        used = [self.last_gain, self.head, self.embedding]
        for i in range(len(self.layers)):
            used += self.of(i, self.plain + ("gain",) + (update if i >= start else ()))
        return sum(t.numel() * t.element_size() for t in used)

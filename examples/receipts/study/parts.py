"""Parts of the study's models that the plain receipt reader has not."""

import math

import torch
from torch import nn

from decoder import VisionUpdate


class LearnedProxies(nn.Module):
    """Proxies that are learned queries over a crop's vision tokens; names are the reference's proxyv_initializer."""

    def __init__(self, cfg):
        super().__init__()
        inner = cfg.vision_mlp_hidden
        self.Wk = nn.Linear(cfg.hidden_size, inner, bias=False)
        self.proxyv_tokens = nn.Parameter(torch.randn(cfg.proxies_per_crop, inner))

    def forward(self, full, crops):
        """[B, crops * n, d] -> proxies [B, crops * m, d], and what spreads them back, [B * crops, n, m]."""
        tokens = full.reshape(len(full) * crops, -1, full.shape[-1])
        scores = (self.proxyv_tokens @ self.Wk(tokens).float().mT) / math.sqrt(self.Wk.out_features)
        proxies = scores.softmax(-1) @ tokens.float()
        return proxies.reshape(len(full), -1, full.shape[-1]), scores.mT.softmax(-1)


class SplatUpdate(VisionUpdate):
    """The guided update when every token hears a mixture of its crop's proxies."""

    def forward(self, full, proxy, splat):
        context = self.context_proj(proxy).reshape(len(splat), splat.shape[-1], -1)
        context = (splat.to(context.dtype) @ context).reshape(len(full), full.shape[1], -1)
        return self.layernorm_post(full + self.proj(torch.cat([self.input_proj(full), context], dim=-1)))


class LightMlp(nn.Module):
    """What stands in for attention and FFN of vision tokens: d -> d/4 -> d/4 -> d, no norm."""

    def __init__(self, cfg):
        super().__init__()
        width, inner = cfg.hidden_size, cfg.hidden_size // 4
        self.input_proj = nn.Linear(width, inner, bias=False)
        self.proj = nn.Sequential(nn.Linear(inner, inner, bias=False), nn.SiLU(), nn.Linear(inner, width, bias=False))

    def forward(self, x):
        return x + self.proj(self.input_proj(x))


def values_alone(attention, x):
    """What attention gives a token that sees nothing but itself: o_proj of its own value."""
    value = attention.v_proj(x).unflatten(-1, (attention.kv_heads, -1))
    return attention.o_proj(value.repeat_interleave(attention.heads // attention.kv_heads, -2).flatten(-2))



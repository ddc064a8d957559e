"""The parts of the decoder: Llama layers, proxies, the guided vision update."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def rope_table(positions, cfg):
    """cos and sin [S, head_dim], the frequencies twice in a row."""
    frequency = cfg.rope_theta ** (-torch.arange(0, cfg.head_dim, 2, dtype=torch.float64) / cfg.head_dim)
    angle = positions.double().cpu()[:, None] * frequency
    angle = torch.cat([angle, angle], dim=-1)
    return torch.stack([angle.cos(), angle.sin()]).float().to(positions.device)


def rotate(x, table):
    a, b = x.float().chunk(2, dim=-1)
    return (x * table[0] + torch.cat([-b, a], dim=-1) * table[1]).to(x.dtype)


def attend(q, k, v, mask):
    if isinstance(mask, BlockMask):
        return flex_attention(q, k, v, block_mask=mask)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads, self.kv_heads, width = cfg.num_attention_heads, cfg.num_key_value_heads, cfg.hidden_size
        self.q_proj = nn.Linear(width, self.heads * cfg.head_dim, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * cfg.head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * cfg.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * cfg.head_dim, width, bias=False)

    def forward(self, x, first_query, rope, mask, past=None):
        """Queries are x[:, first_query:]; returns the output and the keys and values, `past` included."""
        def heads(t, n):
            return t.unflatten(-1, (n, -1)).transpose(1, 2)

        q = rotate(heads(self.q_proj(x[:, first_query:]), self.heads), rope[..., first_query:, :])
        k = rotate(heads(self.k_proj(x), self.kv_heads), rope)
        v = heads(self.v_proj(x), self.kv_heads)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        group = self.heads // self.kv_heads
        y = attend(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), mask)
        return self.o_proj(y.transpose(1, 2).flatten(2)), (k, v)


class FeedForward(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.gate_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.up_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.down_proj = nn.Linear(cfg.intermediate_size, cfg.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.self_attn = Attention(cfg)
        self.mlp = FeedForward(cfg)
        self.input_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)

    def forward(self, x, first_query, rope, mask, past=None):
        y, kv = self.self_attn(self.input_layernorm(x), first_query, rope, mask, past)
        h = x[:, first_query:] + y
        return h + self.mlp(self.post_attention_layernorm(h)), kv


class VisionUpdate(nn.Module):
    """New full vision tokens from themselves and their proxies."""

    def __init__(self, cfg):
        super().__init__()
        width, inner = cfg.hidden_size, cfg.vision_mlp_hidden
        self.side, self.reduce = cfg.vision.side, cfg.proxyv_reduce_factor
        self.context_proj = nn.Linear(width, inner, bias=False)
        self.input_proj = nn.Linear(width, inner, bias=False)
        self.proj = nn.Sequential(nn.Linear(2 * inner, inner, bias=False), nn.SiLU(),
                                  nn.Linear(inner, width, bias=False))
        self.layernorm_post = RMSNorm(width, cfg.rms_norm_eps)

    def forward(self, full, proxy):
        batch, blocks = len(full), self.side // self.reduce
        context = self.context_proj(proxy).view(batch, -1, blocks, 1, blocks, 1, self.context_proj.out_features)
        context = context.expand(-1, -1, -1, self.reduce, -1, self.reduce, -1).reshape(batch, full.shape[1], -1)
        return self.layernorm_post(full + self.proj(torch.cat([self.input_proj(full), context], dim=-1)))


def make_proxies(full, cfg):
    """Bilinear reduction of every crop (no antialiasing): for 4 the mean of the inner 2x2, for 3 the centre."""
    side, small = cfg.vision.side, cfg.vision.side // cfg.proxyv_reduce_factor
    crops = full.reshape(-1, side, side, full.shape[-1]).permute(0, 3, 1, 2)
    proxy = F.interpolate(crops.float(), size=(small, small), mode="bilinear", align_corners=False)
    return proxy.permute(0, 2, 3, 1).reshape(len(full), -1, full.shape[-1])

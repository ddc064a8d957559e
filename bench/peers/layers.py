"""The layers as PyTorch functions over flat [rows, hidden] tensors, written so that a compiler can fuse.

Each function takes the residual stream and its rows already normalised, and returns both for the next layer:
the last residual add, the norm behind it and whatever stands between become one kernel. Query, key and value
projections are one product, gate and up another. Attention reads the fresh keys and values; the cache
[1, kv_heads, capacity, head_dim] is only written.
"""

import functools
import types

import torch
import torch.nn.functional as F

try:
    from torch.nn.attention.flex_attention import flex_attention
except ImportError:  # an old PyTorch can still check the other functions on a CPU
    flex_attention = None


def eager_attention(q, k, v, attn_mask=None, is_causal=False, enable_gqa=False):
    """F.scaled_dot_product_attention in single steps, in place where that saves memory traffic."""
    if enable_gqa:
        k, v = (t.repeat_interleave(q.shape[-3] // k.shape[-3], -3) for t in (k, v))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if is_causal:
        attn_mask = causal_mask(q.shape[-2], k.shape[-2], q.dtype)
    if attn_mask is not None:
        scores += attn_mask
    return torch.softmax(scores, -1) @ v


@functools.lru_cache(maxsize=4)
def causal_mask(queries, keys, dtype):
    return torch.full((queries, keys), float("-inf"), dtype=dtype).triu_(keys - queries + 1)


# PyTorch before 2.0 has no fused one.
attend = getattr(F, "scaled_dot_product_attention", eager_attention)


def rms_norm(x, gain, eps):
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype) * gain


def rotate(x, cosines, sines):
    low, high = x.chunk(2, -1)
    return x * cosines + torch.cat([-high, low], -1) * sines


def first_proxies(vision, sizes):
    """Bilinear; the operand stays channels-last, which PyTorch does in 10 us instead of 6.9 ms."""
    image = vision.view(sizes.crops, sizes.side, sizes.side, -1).permute(0, 3, 1, 2)
    small = F.interpolate(image, size=(sizes.side // sizes.factor,) * 2, mode="bilinear", align_corners=False)
    return small.permute(0, 2, 3, 1).reshape(-1, vision.shape[-1])


def make_layers(sizes, prompt):
    d, kv, eps = sizes.hidden, sizes.kv_width, sizes.eps
    vision, seeing = prompt.vision, prompt.seeing
    small = sizes.side // sizes.factor

    def norm(x, gain):
        return rms_norm(x, gain, eps)

    def split(rows, heads):
        return rows.view(1, -1, heads, sizes.head_dim).transpose(1, 2)

    def merge(heads):
        return heads.transpose(1, 2).reshape(-1, d)

    def feed_forward(x, gain, gate_up, down):
        gate, up = F.linear(norm(x, gain), gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, down)

    def causal(q, k, v):
        shared = {"enable_gqa": True} if sizes.group > 1 else {}
        return attend(q, k, v, is_causal=True, **shared)

    def masked(q, k, v, mask):
        """Heads that share keys become further query rows: no copy of keys and values."""
        rows = q.shape[2]
        o = attend(q.reshape(1, sizes.kv_heads, -1, sizes.head_dim), k, v, attn_mask=mask)
        return o.reshape(1, sizes.heads, rows, sizes.head_dim)

    def plain(x, h, qkv, out, gain_ffn, gate_up, down, next_gain, cosines, sines, keys, values):
        q, k, v = F.linear(h, qkv).split([d, kv, kv], -1)
        q, k = rotate(split(q, sizes.heads), cosines, sines), rotate(split(k, sizes.kv_heads), cosines, sines)
        v = split(v, sizes.kv_heads)
        keys[:, :, : k.shape[2]] = k
        values[:, :, : k.shape[2]] = v
        x = feed_forward(x + F.linear(merge(causal(q, k, v)), out), gain_ffn, gate_up, down)
        return x, norm(x, next_gain)

    def focus_rows(x, h, qkv, out, gain_ffn, gate_up, down, cosines, sines, mask, keys, values):
        """The rows that still attend, [newline | text | proxies], through a whole decoder layer."""
        q = rotate(split(F.linear(h[vision:], qkv[:d]), sizes.heads), cosines[vision:], sines[vision:])
        k, v = F.linear(h, qkv[d:]).split([kv, kv], -1)
        k, v = rotate(split(k, sizes.kv_heads), cosines, sines), split(v, sizes.kv_heads)
        keys[:, :, : k.shape[2]] = k
        values[:, :, : k.shape[2]] = v
        return feed_forward(x + F.linear(merge(masked(q, k, v, mask)), out), gain_ffn, gate_up, down)

    def spread(context):
        """Every proxy's row to the vision rows of its block."""
        blocks = context.view(sizes.crops, small, 1, small, 1, -1)
        shape = (sizes.crops, small, sizes.factor, small, sizes.factor, context.shape[-1])
        return blocks.expand(shape).reshape(vision, -1)

    def both_normed(full, x, next_gain):
        return full, x, torch.cat([norm(full, next_gain), norm(x, next_gain)])

    def proxyv(
        full,
        x,
        h,
        qkv,
        out,
        gain_ffn,
        gate_up,
        down,
        next_gain,
        vision_in,
        context,
        middle,
        vision_out,
        gain_vision,
        cosines,
        sines,
        mask,
        keys,
        values,
    ):
        x = focus_rows(x, h, qkv, out, gain_ffn, gate_up, down, cosines, sines, mask, keys, values)
        z = torch.cat([F.linear(full, vision_in), spread(F.linear(x[seeing:], context))], -1)
        z = F.linear(F.silu(F.linear(z, middle)), vision_out)
        return both_normed(norm(full + z, gain_vision), x, next_gain)

    def folded(
        full,
        x,
        h,
        qkv,
        out,
        gain_ffn,
        gate_up,
        down,
        next_gain,
        folded_in,
        folded_context,
        vision_out,
        gain_vision,
        cosines,
        sines,
        mask,
        keys,
        values,
    ):
        """proxyv with the two linears that follow each other without an activation multiplied beforehand."""
        x = focus_rows(x, h, qkv, out, gain_ffn, gate_up, down, cosines, sines, mask, keys, values)
        z = F.silu(F.linear(full, folded_in) + spread(F.linear(x[seeing:], folded_context)))
        return both_normed(norm(full + F.linear(z, vision_out), gain_vision), x, next_gain)

    def append(h, qkv, cosines, sines, keys, values, at):
        """Writes one token to the cache -> its queries [1, heads, 1, head_dim]."""
        q, k, v = F.linear(h, qkv).split([d, kv, kv], -1)
        keys.index_copy_(2, at, rotate(split(k, sizes.kv_heads), cosines, sines))
        values.index_copy_(2, at, split(v, sizes.kv_heads))
        return rotate(split(q, sizes.heads), cosines, sines)

    def decode_masked(
        x, h, qkv, out, gain_ffn, gate_up, down, next_gain, cosines, sines, keys, values, at, mask
    ):
        q = append(h, qkv, cosines, sines, keys, values, at)
        o = masked(q, keys, values, mask)
        x = feed_forward(x + F.linear(o.reshape(1, d), out), gain_ffn, gate_up, down)
        return x, norm(x, next_gain)

    def decode_flex(
        x, h, qkv, out, gain_ffn, gate_up, down, next_gain, cosines, sines, keys, values, at, blocks
    ):
        q = append(h, qkv, cosines, sines, keys, values, at)

        def past_only(score, batch, head, query, key):
            return torch.where(key <= at[0], score, float("-inf"))

        o = flex_attention(
            q, keys, values, score_mod=past_only, block_mask=blocks, enable_gqa=sizes.group > 1
        )
        x = feed_forward(x + F.linear(o.reshape(1, d), out), gain_ffn, gate_up, down)
        return x, norm(x, next_gain)

    def choose(h, head):
        return F.linear(h, head).argmax(-1)

    return types.SimpleNamespace(
        norm=norm,
        plain=plain,
        proxyv=proxyv,
        folded=folded,
        choose=choose,
        decode_masked=decode_masked,
        decode_flex=decode_flex,
    )

"""Which vision tokens stay: VisionZip in the encoder, PyramidDrop and FastV between decoder layers.

All top-k are sets in sequence order; on ties the lower index wins. Nothing is differentiated through a choice.
"""

import torch
import torch.nn.functional as F

from decoder import rotate


def keep_top(scores, count):
    """Ascending indices of the `count` best along the last axis."""
    best = scores.sort(dim=-1, descending=True, stable=True).indices[..., :count]
    return best.sort(dim=-1).values


def take(x, index):
    """Rows `index` [B, K] of x [B, N, d]."""
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))


def zip_attention(layer, x):
    """Of one encoder layer and its input [C, T, D]: the class token's attention [C, T], heads summed, and mean keys."""
    attention, h = layer.self_attn, layer.layer_norm1(x)

    def heads(t):
        return t.unflatten(-1, (attention.heads, -1)).transpose(1, 2)

    query, keys = heads(attention.q_proj(h[:, :1])).float(), heads(attention.k_proj(h)).float()
    scores = (query @ keys.mT) / keys.shape[-1] ** 0.5
    return scores.softmax(-1).sum(1)[:, 0], keys.mean(1)


def zip_plan(row, metric, dominant, contextual):
    """Indices of kept tokens [C, dominant], of merge targets [C, contextual], and the mixing matrix of the rest.

    The matrix [C, contextual, T] holds 1 on each target and 1 / members on the members it takes in.
    """
    crops, tokens = row.shape
    keep = torch.cat([torch.zeros_like(row[:, :1], dtype=torch.long), keep_top(row[:, 1:], dominant - 1) + 1], dim=1)
    kept = torch.zeros(crops, tokens, dtype=torch.long, device=row.device).scatter(1, keep, 1)
    rest = kept.sort(dim=1, stable=True).indices[:, :tokens - dominant]
    step = max(1, rest.shape[1] // contextual)
    is_target = torch.zeros(rest.shape[1], dtype=torch.bool, device=row.device)
    is_target[:step * contextual:step] = True
    targets = rest[:, :step * contextual:step]
    unit = F.normalize(take(metric, rest), dim=-1, eps=0.0)
    nearest = (unit @ unit[:, :step * contextual:step].mT).argmax(-1)
    member = F.one_hot(nearest, contextual).float() * (~is_target)[None, :, None]
    share = member / member.sum(1, keepdim=True).clamp(min=1)
    own = F.one_hot(torch.arange(contextual, device=row.device), contextual).float()
    share[:, :step * contextual:step] = own
    mix = torch.zeros(crops, contextual, tokens, device=row.device)
    return keep, targets, mix.scatter(2, rest[:, None].expand(-1, contextual, -1), share.mT)


def vision_zip(vision_model, crops, dominant, contextual):
    """Encoder features with the class token among them, zipped: [C, dominant + contextual, D]."""
    x = vision_model.pre_layrnorm(vision_model.embeddings(crops))
    *before, last = vision_model.encoder.layers[:-1]
    for layer in before:
        x = layer(x)
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        keep, _, mix = zip_plan(*zip_attention(last, x.float()), dominant, contextual)
    hidden = last(x)
    return torch.cat([take(hidden, keep), mix.to(hidden.dtype) @ hidden], dim=1)


def scores_of(layer, x, rope, queries, seen, vision):
    """Mean attention of the query rows to the vision rows [B, vision], with this layer's norm, queries and keys.

    x [B, N, d]; queries [B, S] rows of x; seen [B, S, N]; rope [2, (B, 1,) N, hd].
    """
    attention, h = layer.self_attn, layer.input_layernorm(x)

    def heads(t, n):
        return t.unflatten(-1, (n, -1)).transpose(1, 2)

    keys = rotate(heads(attention.k_proj(h), attention.kv_heads), rope)
    table = rope if rope.ndim == 5 else rope[:, None, None]
    index = queries[None, :, None, :, None].expand(2, -1, -1, -1, table.shape[-1])
    table = table.expand(-1, len(x), -1, -1, -1).gather(3, index)
    query = rotate(heads(attention.q_proj(take(h, queries)), attention.heads), table)
    scores = query @ keys.repeat_interleave(attention.heads // attention.kv_heads, 1).mT / keys.shape[-1] ** 0.5
    weights = scores.masked_fill(~seen[:, None], float("-inf")).softmax(-1)
    return weights.mean(1).mean(1)[:, :vision]


def renumber(positions):
    """Ranks of positions [B, N]; equal positions in storage order."""
    return positions.sort(dim=1, stable=True).indices.argsort(dim=1)

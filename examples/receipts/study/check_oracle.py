"""Compares every method with the float64 oracle on random weights: python3 check_oracle.py --oracle FOLDER."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch

from config import Config
from decoder import rope_table
from reader import Reader, StudyLayout
from reduction import vision_zip, zip_attention, zip_plan

TOLERANCE = 2e-5


class OneCrop(Config):
    crops = 1


def random_reader(cfg, seed):
    torch.manual_seed(seed)
    reader = Reader(cfg)
    for name, p in reader.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(p, 0.5, 1.5)
        elif "vision_tower" not in name:
            p.data *= 2
    return reader.eval()


def weights_of(reader):
    return {k: v.detach().double().numpy() for k, v in reader.state_dict().items() if "vision_tower" not in k}


def difference(a, b):
    return float(np.abs(a.detach().numpy() - b).max() / np.abs(b).max())


@torch.no_grad()
def static(oracle, mode, **changes):
    """Masks, skips and proxies against the packed oracle: the text's logits and the vision keys of the last layer."""
    cfg = Config(vocab_size=70, **changes)
    reader = random_reader(cfg, 1)
    text = torch.randint(3, 70, (2, 21))
    vision = torch.randn(2, cfg.crops * cfg.tokens_per_crop, 128)
    layout = StudyLayout(cfg, [21], "cpu")
    ids = torch.cat([torch.ones(2, 1, dtype=torch.long), text], dim=1)
    states, _, cache = reader.decode(vision, ids, layout)
    side = int(cfg.tokens_per_crop ** 0.5)
    spec = oracle.Config(hidden_size=128, num_hidden_layers=8, intermediate_size=320, vocab_size=70, mode=mode,
                         start_layer=cfg.proxyv_start_layer, per_crop_token_len=cfg.tokens_per_crop,
                         proxyv_reduce_factor=side // round(cfg.proxies_per_crop ** 0.5), learn_proxy=cfg.learn_proxy,
                         light_mlp="mlp" if cfg.light_mlp else "none")
    model = oracle.Model(spec, weights_of(reader))
    rows = [{"input_ids": [1, oracle.IMAGE_TOKEN_INDEX, *t.tolist()],
             "images": [v.double().numpy().reshape(cfg.crops, -1, 128)]} for t, v in zip(text, vision)]
    packed = model.pack(rows)
    found = oracle.prefill(model, packed)
    n = layout.vision + layout.newlines
    return max(difference(reader.logits(states[:, layout.newlines:]), found.logits[:, n:]),
               difference(cache[-1][0], found.cache[-1][0]))


@torch.no_grad()
def dropping(oracle, reduction):
    """PyramidDrop and FastV on one crop (the oracle wants one run of image tokens), with two steps of decoding."""
    cfg = OneCrop(vocab_size=70, vision_reduction=reduction)
    reader = random_reader(cfg, 2)
    w = weights_of(reader)
    text = torch.randint(3, 70, (1, 12))
    vision = torch.randn(1, 144, 128)
    layout = StudyLayout(cfg, [12], "cpu")
    ids = torch.cat([torch.ones(1, 1, dtype=torch.long), text], dim=1)
    states, _, cache = reader.decode(vision, ids, layout, torch.tensor([[12]]))
    more = [5, 9]
    embed = w["model.embed_tokens.weight"]
    x = np.concatenate([embed[[1]], vision[0].double().numpy(), w["model.image_newline"][None], embed[text[0]]])
    sizes = dict(layers=8, d=128, heads=4, kv_heads=4, head_dim=32, ff=320, eps=cfg.rms_norm_eps, theta=cfg.rope_theta)
    weights = {k.removeprefix("model."): v for k, v in w.items()}
    if reduction["method"] == "fast_v":
        found = oracle.fast_v(x, weights, sizes, 1, 144, reduction["layers"][0], round(144 * reduction["ratios"][0]), decode_x=embed[more])
    else:
        found = oracle.pyramid_drop(x, weights, sizes, 1, 144, reduction["layers"], reduction["ratios"], decode_x=embed[more])
    worst = difference(states[0, 2:], found["hidden"][-12:])
    for t, token in enumerate(more):
        positions = [p + 12 + t for p in reader.position_of_next(layout)]
        table = [rope_table(torch.tensor([p]), cfg) for p in positions]
        got = reader.continue_from(torch.tensor([token]), table, cache)
        worst = max(worst, difference(got[0], found["decode_hidden"][t] @ w["lm_head.weight"].T))
    return worst


@torch.no_grad()
def zipping(oracle):
    cfg = Config(vocab_size=70)
    torch.manual_seed(3)
    vision = Reader(cfg).model.vision_tower.vision_tower.vision_model
    crops = torch.randn(5, 3, 96, 96)
    x = vision.pre_layrnorm(vision.embeddings(crops))
    *before, last = vision.encoder.layers[:-1]
    for layer in before:
        x = layer(x)
    row, metric = zip_attention(last, x)
    h = last.layer_norm1(x)
    q, k = (t.unflatten(-1, (4, -1)).transpose(1, 2).double() for t in (last.self_attn.q_proj(h), last.self_attn.k_proj(h)))
    attention = (q[:, :, :1] @ k.mT / q.shape[-1] ** 0.5).softmax(-1)[:, :, 0]
    found = oracle.vision_zip_select(attention.numpy(), k.numpy(), last(x).double().numpy(), 76, 14)
    keep, targets, _ = zip_plan(row, metric, 76, 14)
    assert np.array_equal(keep.numpy(), found["keep_idx"]) and np.array_equal(targets.numpy(), found["target_idx"])
    return difference(vision_zip(vision, crops, 76, 14), found["tokens"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oracle", required=True)
    sys.path.insert(0, parser.parse_args().oracle)
    import proxyv_oracle
    import token_reduction_oracle
    results = {}
    for start in (1, 3):
        for name, mode, changes in (
                ("baseline", "vanilla", {}), ("mask_v2v", "mask_v2v", {"proxyv_study": "mask_v2v"}),
                ("attn_skip_drop", "attn_skip", {"proxyv_study": "attn_skip_drop"}),
                ("attn_ffn_skip", "attn_ffn_skip", {"proxyv_study": "attn_ffn_skip"}),
                ("attn_ffn_skip, light MLP", "attn_ffn_skip", {"proxyv_study": "attn_ffn_skip", "light_mlp": True}),
                ("ProxyV spatial", "proxyv", {"proxyv": True}),
                ("ProxyV learned", "proxyv", {"proxyv": True, "learn_proxy": True}),
                ("ProxyV learned on 81 tokens", "proxyv",
                 {"proxyv": True, "learn_proxy": True, "proxyv_reduce_factor": 3,
                  "vision_reduction": {"method": "vision_zip", "dominant": 70, "contextual": 11}})):
            results[f"{name}, from {start}"] = static(proxyv_oracle, mode, proxyv_start_layer=start, **changes)
    results["FastV"] = dropping(token_reduction_oracle, {"method": "fast_v", "layers": [2], "ratios": [0.466]})
    results["PyramidDrop"] = dropping(token_reduction_oracle,
                                      {"method": "pyramid_drop", "layers": [2, 4, 6], "ratios": [0.65, 0.43, 0.28]})
    results["VisionZip"] = zipping(token_reduction_oracle)
    for name, worst in results.items():
        print(f"{name:40s} {worst:.1e}{'' if worst < TOLERANCE else '  TOO FAR'}")
    sys.exit(any(worst >= TOLERANCE for worst in results.values()))


if __name__ == "__main__":
    main()

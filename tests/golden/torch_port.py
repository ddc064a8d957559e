"""A golden file's model in PyTorch, written as a port of it usually is; torch_error.py measures it.

Weights and activations have one type. As in the usual libraries, norms, rotary angles and softmax are
computed in f32 inside, whatever the type (in float64 for float64, for checking the port itself).
"""

import copy
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

STORED = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "U8": "|u1"}


class GoldenFile:
    """Tensors as NumPy arrays, metadata parsed (tests/golden/README.md)."""

    def __init__(self, path):
        raw = pathlib.Path(path).read_bytes()
        begin = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:begin])
        self.metadata = header.pop("__metadata__", {})
        self.name = pathlib.Path(path).stem
        self.tensors = {}
        for name, entry in header.items():
            first, last = (begin + offset for offset in entry["data_offsets"])
            flat = np.frombuffer(raw[first:last], STORED[entry["dtype"]])
            self.tensors[name] = flat.reshape(entry["shape"])

    def json(self, key):
        return json.loads(self.metadata[key])

    def skip_reason(self):
        if self.metadata.get("kind") != "model":
            return "kind " + self.metadata.get("kind", "unknown")
        config = self.json("config")
        if len(self.json("rows")) != 1:
            return "more than one row"
        if config["mode"] not in ("vanilla", "proxyv"):
            return "mode " + config["mode"]
        family = config["family"]
        return None if family in ("llama", "qwen2") else f"family {family}"


def nudged(file, seed, dtype):
    """The same file, its inputs moved at random by up to a sixteenth of dtype's spacing; seed 0: as it is.

    In itself that changes results far less than the type does, but other roundings follow from it: how far
    errors move shows how much of them is luck.
    """
    out = copy.copy(file)
    inputs = file.tensors["out.hidden.0"]
    size = torch.finfo(dtype).eps / 16 if seed else 0.0
    noise = np.random.default_rng(seed).uniform(-size, size, inputs.shape)
    out.tensors = {**file.tensors, "in.embeddings": inputs * (1 + noise)}
    return out


def wide(x):
    """Where libraries compute in f32 whatever the model's type."""
    return x if x.dtype == torch.float64 else x.float()


def rms_norm(x, gain, eps):
    y = wide(x)
    return gain * (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def rotary_tables(positions, head_dim, theta, like):
    kind = torch.float64 if like == torch.float64 else torch.float32
    even = torch.arange(0, head_dim, 2, device=positions.device).to(kind)
    angle = positions.to(kind)[:, None] * theta ** (-even / head_dim)
    angle = torch.cat([angle, angle], -1)
    return angle.cos().to(like), angle.sin().to(like)


def rotate(x, tables):
    """x [heads, rows, head_dim]; halves convention."""
    low, high = x.chunk(2, -1)
    return x * tables[0] + torch.cat([-high, low], -1) * tables[1]


def attend(q, k, v, allow, fused):
    """q [H, Q, dh], k and v [Hkv, K, dh], allow bool [Q, K] or None -> [Q, H * dh]."""
    group = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    if fused:
        out = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=allow)[0]
    else:
        scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
        if allow is not None:
            scores = scores.masked_fill(~allow, torch.finfo(scores.dtype).min)
        out = torch.softmax(wide(scores), -1).to(v.dtype) @ v
    return out.transpose(0, 1).flatten(1)


class Model:
    """The decoder over rows [rows, hidden] of one prompt; weights by checkpoint name."""

    def __init__(self, config, weights, dtype, device, fused=False):
        self.config, self.dtype, self.fused = config, dtype, fused
        self.w = {name: torch.from_numpy(np.array(w)).to(device, dtype) for name, w in weights.items()}
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.head_dim = config["hidden_size"] // self.heads
        self.eps, self.theta = config["rms_norm_eps"], config["rope_theta"]
        self.tokens = config["per_crop_token_len"]
        self.side, self.factor = math.isqrt(self.tokens), config["proxyv_reduce_factor"]

    def norm(self, x, name):
        return rms_norm(x, self.w[name + ".weight"], self.eps)

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w.get(name + ".bias"))

    def split(self, x, heads):
        return x.unflatten(-1, (heads, self.head_dim)).transpose(0, 1)

    def layer(self, i, x, skipped, positions, allow, past=None):
        """x [K, hidden]; rows before `skipped` give only keys and values. -> rows, attention, keys, values"""
        at = f"model.layers.{i}."
        h = self.norm(x, at + "input_layernorm")
        tables = rotary_tables(positions, self.head_dim, self.theta, self.dtype)
        q = self.split(self.linear(h[skipped:], at + "self_attn.q_proj"), self.heads)
        k = rotate(self.split(self.linear(h, at + "self_attn.k_proj"), self.kv_heads), tables)
        v = self.split(self.linear(h, at + "self_attn.v_proj"), self.kv_heads)
        if past is not None:
            k, v = torch.cat([past[0], k], 1), torch.cat([past[1], v], 1)
        q = rotate(q, [t[skipped:] for t in tables])
        attention = self.linear(attend(q, k, v, allow, self.fused), at + "self_attn.o_proj")
        x = x[skipped:] + attention
        h = self.norm(x, at + "post_attention_layernorm")
        h = F.silu(self.linear(h, at + "mlp.gate_proj")) * self.linear(h, at + "mlp.up_proj")
        return x + self.linear(h, at + "mlp.down_proj"), attention, k, v

    def first_proxies(self, vision):
        """-> proxies [P, hidden]; of learned ones also the weights that spread them [crops, tokens, n]."""
        crops = vision.view(-1, self.tokens, vision.shape[-1])
        if self.config["learn_proxy"]:
            queries = self.w["model.proxyv_initializer.proxyv_tokens"]
            keys = self.linear(crops, "model.proxyv_initializer.Wk")
            logits = wide(queries @ keys.transpose(1, 2) / math.sqrt(queries.shape[-1]))
            pooled = torch.softmax(logits, -1).to(self.dtype) @ crops
            return pooled.flatten(0, 1), torch.softmax(logits.transpose(1, 2), -1).to(self.dtype)
        if len(crops) == 0:
            return vision, None
        image = wide(crops.unflatten(1, (self.side, self.side)).permute(0, 3, 1, 2))
        small = F.interpolate(
            image, size=(self.side // self.factor,) * 2, mode="bilinear", align_corners=False
        )
        return small.permute(0, 2, 3, 1).flatten(0, 2).to(self.dtype), None

    def vision_update(self, i, vision, proxies, splat):
        at = f"model.vision_mlp_layers.{i - self.config['start_layer']}."
        if splat is not None:
            spread = splat @ proxies.view(splat.shape[0], -1, proxies.shape[-1])
            context = self.linear(spread.flatten(0, 1), at + "context_proj")
        else:
            small = self.side // self.factor
            context = self.linear(proxies, at + "context_proj").view(-1, small, small, self.inner(at))
            context = (
                context.repeat_interleave(self.factor, 1).repeat_interleave(self.factor, 2).flatten(0, 2)
            )
        z = torch.cat([self.linear(vision, at + "input_proj"), context], -1)
        z = self.linear(F.silu(self.linear(z, at + "proj.0")), at + "proj.2")
        return self.norm(vision + z, at + "layernorm_post")

    def inner(self, at):
        return self.w[at + "context_proj.weight"].shape[0]

    def logits(self, x):
        tied = self.config["tie_word_embeddings"]
        return F.linear(x, self.w["model.embed_tokens.weight" if tied else "lm_head.weight"])


class Run:
    """Prefill and decoding of one file; `found` has its tensors by name, without "out."."""

    def __init__(self, file, dtype, device, fused):
        self.t, self.device = file.tensors, device
        weights = {n: w for n, w in self.t.items() if n.startswith(("model.", "lm_head."))}
        self.config, self.found = file.json("config"), {}
        self.model = Model(self.config, weights, dtype, device, fused)
        self.start = self.config["start_layer"] if self.config["mode"] == "proxyv" else 1 << 30
        self.steps, self.sizes = file.json("sizes")["steps"], file.json("sizes")
        self.prefill()
        self.decode()

    def of_file(self, name):
        return torch.from_numpy(np.array(self.t[name][0])).to(self.device)

    def masks(self, positions, proxy_positions):
        """Who sees whom in plain layers and in ProxyV layers, and the latter's key positions."""
        V, P = self.sizes["V"], len(proxy_positions)
        plain = positions[:, None] >= positions[None]
        queries = torch.cat([proxy_positions, positions[V:]])
        keys = torch.cat([positions[:V], queries])
        special = queries[:, None] >= keys[None]
        special[:P, :V] = False
        special[P:, V : V + P] = False
        return plain, special, keys

    def prefill(self):
        m, V = self.model, self.sizes["V"]
        x, positions = self.of_file("in.embeddings").to(m.dtype), self.of_file("out.position_ids")
        self.found["hidden.0"] = x
        proxies = (
            self.of_file("out.position_ids_proxy") if "out.position_ids_proxy" in self.t else positions[:0]
        )
        plain, special, special_positions = self.masks(positions, proxies)
        P, self.cache, splat = len(proxies), [], None
        for i in range(self.config["num_hidden_layers"]):
            if i < self.start:
                x, attention, k, v = m.layer(i, x, 0, positions, plain)
            else:
                vision, rest = x[:V], x[V:]
                if i == self.start:
                    proxies, splat = m.first_proxies(vision)
                    self.found.update({f"proxy.{i}": proxies, "splat": splat})
                both = torch.cat([vision, proxies, rest])
                y, attention, k, v = m.layer(i, both, V, special_positions, special)
                proxies, rest = y[:P], y[P:]
                x = torch.cat([m.vision_update(i, vision, proxies, splat), rest])
                k, v = (torch.cat([t[:, :V], t[:, V + P :]], 1) for t in (k, v))
                self.found[f"proxy.{i + 1}"] = proxies
            self.cache.append((k, v))
            self.found.update(
                {f"hidden.{i + 1}": x, f"attn.{i}": attention, f"cache.{i}.k": k, f"cache.{i}.v": v}
            )
        last = m.norm(x, "model.norm")
        logits = m.logits(last)
        by_row = self.config["quirks"]["next_token_from"] == "row_last"
        self.next = logits[int(self.t["out.row_last_index"][0]) if by_row else -1]
        self.found.update(
            last_hidden=last, next_logits=self.next, logits_text=logits[len(x) - self.sizes["T"] :]
        )

    def decode(self):
        m, tokens = self.model, self.of_file("out.greedy_tokens")
        by_row = self.config["quirks"]["decode_position"] == "row"
        prompt = self.sizes["N"]
        position = int(self.t["out.row_next_position"][0]) if by_row else prompt
        logits, states = [self.next], []
        for step in range(self.steps - 1):
            x = m.w["model.embed_tokens.weight"][tokens[step : step + 1]]
            at = torch.tensor([position + step], device=self.device)
            for i in range(self.config["num_hidden_layers"]):
                x, _, k, v = m.layer(i, x, 0, at, None, self.cache[i])
                self.cache[i] = (k, v)
            states.append(m.norm(x, "model.norm")[0])
            logits.append(m.logits(states[-1]))
        self.found["greedy_logits"] = torch.stack(logits)
        if states:
            self.found["decode_hidden"] = torch.stack(states)
        for i, (k, v) in enumerate(self.cache):
            self.found.update({f"cache_new.{i}.k": k[:, prompt:], f"cache_new.{i}.v": v[:, prompt:]})

    def errors(self):
        """{tensor: relative error} of every floating tensor of the file."""
        out = {}
        for name, wanted in self.t.items():
            if not name.startswith("out.") or wanted.dtype.kind != "f" or wanted.size == 0:
                continue
            found = self.found[name[4:]].double().cpu().numpy().reshape(wanted.shape)
            off, scale = np.abs(found - wanted).max(), np.abs(wanted).max()
            out[name[4:]] = (
                float(off / scale) if np.isfinite(off) and scale > 0 else (math.inf if off else 0.0)
            )
        return out

"""The embedded receipts model in PyTorch: the decoder's prefill of a question and its greedy answer.

Written for speed on a CPU: projections of the same rows are one product, keys and values go to a cache made
beforehand, the last layer computes only the row whose logits are wanted, positions, rotations and masks are
made before the clock runs. Vision tokens come from our program (cpu_bench --questions-out), so that both sides
start from the same numbers; the answers must be the same, token for token.
"""

import json
import pathlib
import struct

import torch
import torch.nn.functional as F

from layers import eager_attention, rms_norm, rotate

ROOM = 256  # cache rows for answers
EOS = 2


def load_tensors(path):
    """A safetensors file -> {name: float32 tensor}."""
    data = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    kinds = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
    out = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=kinds[entry["dtype"]])
        out[name] = flat.float().view(entry["shape"])
    return out


class Question:
    """A prompt packed [vision | newline | text], its positions and what each row sees."""

    def __init__(self, model, ids):
        text = [token for token in ids if token >= 0]  # without the picture's place
        side, crops, cfg = model.side, model.crops, model.cfg
        per_crop, stride = side * side, side * side + 1
        self.after = 1 + crops * stride + len(text) - 1  # the first position of the answer
        vision = torch.cat([torch.arange(per_crop) + c * stride for c in range(crops)]) + 1
        # The reference places a sub-crop's newline one crop too early; the weights depend on it.
        newline = torch.tensor([per_crop] + [c * stride + per_crop for c in range(crops - 1)]) + 1
        words = torch.cat([torch.zeros(1, dtype=torch.long), 1 + crops * stride + torch.arange(len(text) - 1)])
        self.text = torch.tensor(text)
        rest = torch.cat([newline, words])
        keys = torch.cat([vision, rest])
        self.rows, self.vision = len(keys), len(vision)
        self.rotary, self.mask = model.rotary(keys), hidden(keys[:, None] < keys[None])
        if cfg["proxyv"]:
            proxy = torch.arange(crops * (side // model.factor) ** 2) + 1
            focus = torch.cat([proxy, rest])
            self.proxies = len(proxy)
            self.focus_rotary = model.rotary(focus)
            self.proxy_mask = hidden(proxy[:, None] < focus[None])
            self.rest_mask = hidden(rest[:, None] < keys[None])


def hidden(pairs):
    return torch.zeros(pairs.shape).masked_fill_(pairs, float("-inf"))


class Reader:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.cfg = cfg = json.loads((folder / "config.json").read_text())
        w = load_tensors(folder / "model.safetensors")
        self.heads = cfg["num_attention_heads"]
        self.head_dim, self.eps = cfg["hidden_size"] // self.heads, cfg["rms_norm_eps"]
        self.side = cfg["vision_config"]["image_size"] // cfg["vision_config"]["patch_size"]
        self.crops, self.factor = cfg["max_num_image_crops"], cfg["proxyv_reduce_factor"]
        self.start = cfg["proxyv_start_layer"] if cfg["proxyv"] else cfg["num_hidden_layers"]
        self.layers = [self.layer(w, i) for i in range(cfg["num_hidden_layers"])]
        self.embed, self.head = w["model.embed_tokens.weight"], w["lm_head.weight"]
        self.newline, self.last_gain = w["model.image_newline"], w["model.norm.weight"]
        rows = self.crops * self.side**2 + 64 + ROOM
        self.cache = [[torch.zeros(self.heads, rows, self.head_dim) for _ in range(2)] for _ in self.layers]
        self.steps = self.rotary(torch.arange(2 * rows))

    def layer(self, w, i):
        def get(name):
            return w[f"model.layers.{i}.{name}.weight"]

        out = dict(
            gain=get("input_layernorm"),
            post=get("post_attention_layernorm"),
            qkv=torch.cat([get(f"self_attn.{n}_proj") for n in "qkv"]),
            out=get("self_attn.o_proj"),
            gate_up=torch.cat([get("mlp.gate_proj"), get("mlp.up_proj")]),
            down=get("mlp.down_proj"),
        )
        if i >= self.start:  # two linears without an activation between them, multiplied beforehand
            update = {k: w[f"model.vision_mlp_layers.{i - self.start}.{k}.weight"] for k in
                      ("context_proj", "input_proj", "proj.0", "proj.2", "layernorm_post")}
            first, second = update["proj.0"].chunk(2, 1)
            out.update(vision_in=first @ update["input_proj"], context=second @ update["context_proj"],
                       vision_out=update["proj.2"], vision_gain=update["layernorm_post"])
        return out

    def rotary(self, positions):
        even = torch.arange(0, self.head_dim, 2, dtype=torch.float64)
        angle = positions.double()[:, None] * self.cfg["rope_theta"] ** (-even / self.head_dim)
        return tuple(torch.cat([f(angle)] * 2, -1).float() for f in (torch.cos, torch.sin))

    def norm(self, x, gain):
        return rms_norm(x, gain, self.eps)

    def split(self, rows):
        return rows.view(-1, self.heads, self.head_dim).transpose(0, 1)

    def merge(self, heads):
        return heads.transpose(0, 1).reshape(-1, self.heads * self.head_dim)

    def feed_forward(self, x, w):
        gate, up = F.linear(self.norm(x, w["post"]), w["gate_up"]).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, w["down"])

    def keys_values(self, h, w, rotary):
        d = self.heads * self.head_dim
        k, v = F.linear(h, w["qkv"][d:]).chunk(2, -1)
        return rotate(self.split(k), *rotary), self.split(v)

    def queries(self, h, w, rotary):
        return rotate(self.split(F.linear(h, w["qkv"][: self.heads * self.head_dim])), *rotary)

    def store(self, i, k, v, at):
        for plane, rows in zip(self.cache[i], (k, v)):
            plane[:, at : at + rows.shape[1]] = rows

    def prefill(self, vision, q):
        """vision [tokens, hidden] -> logits of the last word; the cache holds vision, newlines, text."""
        x = torch.cat([vision, self.newline.expand(self.crops, -1), self.embed[q.text]])
        last = len(self.layers) - 1
        for i in range(min(self.start, last)):
            w = self.layers[i]
            h = self.norm(x, w["gain"])
            k, v = self.keys_values(h, w, q.rotary)
            self.store(i, k, v, 0)
            o = eager_attention(self.queries(h, w, q.rotary), k, v, q.mask)
            x = self.feed_forward(x + F.linear(self.merge(o), w["out"]), w)
        if self.start <= last:
            x = self.proxy_layers(x, q)
        return self.last_layer(x, q)

    def last_layer(self, x, q):
        i, w = len(self.layers) - 1, self.layers[-1]
        h = self.norm(x, w["gain"])
        k, v = self.keys_values(h, w, q.rotary)
        self.store(i, k, v, 0)
        o = eager_attention(self.queries(h[-1:], w, tuple(t[-1:] for t in q.rotary)), k, v, None)
        x = self.feed_forward(x[-1:] + F.linear(self.merge(o), w["out"]), w)
        return F.linear(self.norm(x, self.last_gain), self.head)

    def proxy_layers(self, x, q):
        """All but the last: [vision | newline | text] in and out."""
        full, small = x[: q.vision], self.side // self.factor
        image = full.view(self.crops, self.side, self.side, -1).permute(0, 3, 1, 2)
        proxy = F.interpolate(image, size=(small, small), mode="bilinear", align_corners=False)
        x = torch.cat([proxy.permute(0, 2, 3, 1).reshape(q.proxies, -1), x[q.vision :]])
        vision_rotary = tuple(t[: q.vision] for t in q.rotary)
        for i in range(self.start, len(self.layers) - 1):
            w, n = self.layers[i], q.proxies
            h = self.norm(x, w["gain"])
            k, v = self.keys_values(h, w, q.focus_rotary)
            far = self.keys_values(self.norm(full, w["gain"]), w, vision_rotary)
            self.store(i, *far, 0)
            self.store(i, k[:, n:], v[:, n:], q.vision)
            query = self.queries(h, w, q.focus_rotary)
            seen = torch.cat([
                eager_attention(query[:, :n], k, v, q.proxy_mask),
                eager_attention(query[:, n:], *(plane[:, : q.rows] for plane in self.cache[i]), q.rest_mask),
            ], 1)
            x = self.feed_forward(x + F.linear(self.merge(seen), w["out"]), w)
            full = self.update(full, x[:n], w)
        return torch.cat([full, x[q.proxies :]])

    def update(self, full, proxies, w):
        small = self.side // self.factor
        context = F.linear(proxies, w["context"]).view(self.crops, small, 1, small, 1, -1)
        shape = (self.crops, small, self.factor, small, self.factor, context.shape[-1])
        mixed = F.silu(F.linear(full, w["vision_in"]) + context.expand(shape).reshape(len(full), -1))
        return self.norm(full + F.linear(mixed, w["vision_out"]), w["vision_gain"])

    def step(self, token, row, position):
        """One token through plain layers, its keys and values to cache row `row` -> logits."""
        x = self.embed[token : token + 1]
        rotary = tuple(t[position : position + 1] for t in self.steps)
        for i, w in enumerate(self.layers):
            h = self.norm(x, w["gain"])
            self.store(i, *self.keys_values(h, w, rotary), row)
            keys, values = (plane[:, : row + 1] for plane in self.cache[i])
            o = eager_attention(self.queries(h, w, rotary), keys, values, None)
            x = self.feed_forward(x + F.linear(self.merge(o), w["out"]), w)
        return F.linear(self.norm(x, self.last_gain), self.head)

    def answer(self, vision, q, most=170):
        logits, tokens = self.prefill(vision, q), []
        while True:
            tokens.append(int(logits.argmax()))
            if tokens[-1] == EOS or len(tokens) == most:
                return tokens
            past = len(tokens) - 1
            logits = self.step(tokens[-1], q.rows + past, q.after + past)


class Exam:
    """The questions that cpu_bench wrote down, with its answers."""

    def __init__(self, checkpoint, questions):
        questions = pathlib.Path(questions)
        self.reader = Reader(checkpoint)
        asked = json.loads((questions / "questions.json").read_text())
        flat = torch.frombuffer(bytearray((questions / "tokens.f32").read_bytes()), dtype=torch.float32)
        pictures = 1 + max(q["picture"] for q in asked)
        self.vision = flat.view(pictures, -1, self.reader.cfg["hidden_size"])
        self.asked = [(q["picture"], Question(self.reader, q["ids"]), q["answer"]) for q in asked]

    def ask_all(self):
        return [self.reader.answer(self.vision[picture], q) for picture, q, _ in self.asked]

    def different(self):
        """How many answers are not ours."""
        return sum(given != wanted for given, (_, _, wanted) in zip(self.ask_all(), self.asked))

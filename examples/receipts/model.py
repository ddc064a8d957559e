"""The miniature LMM: CLIP encoder, MLP projector, Llama decoder, plain or with ProxyV.

Parameter names are those of the reference checkpoints. Packed order, positions,
masks and the ProxyV layers follow the specification of this repository.
"""

import math

import torch
from torch import nn

from config import PICTURE_SIDE
from decoder import DecoderLayer, RMSNorm, VisionUpdate, make_proxies, rope_table
from encoder import VisionModel
from layout import Layout
from pictures import bicubic_matrix, crops_of


class Holder(nn.Module):
    """Gives a module the name that the reference's nesting gives it."""

    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


class Core(nn.Module):
    """What the reference calls `model`."""

    def __init__(self, cfg):
        super().__init__()
        self.embed_tokens = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(cfg) for _ in range(cfg.num_hidden_layers))
        self.norm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.image_newline = nn.Parameter(torch.randn(cfg.hidden_size) * 0.02)
        self.mm_projector = nn.Sequential(nn.Linear(cfg.vision.hidden_size, cfg.hidden_size), nn.GELU(),
                                          nn.Linear(cfg.hidden_size, cfg.hidden_size))
        self.vision_tower = Holder(vision_tower=Holder(vision_model=VisionModel(cfg.vision)))
        if cfg.proxyv:
            self.vision_mlp_layers = nn.ModuleList(
                VisionUpdate(cfg) for _ in range(cfg.num_hidden_layers - cfg.proxyv_start_layer))


class Model(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.model = Core(cfg)
        self.lm_head = nn.Linear(cfg.hidden_size, cfg.vocab_size, bias=False)
        self.register_buffer("halving", bicubic_matrix(PICTURE_SIDE, cfg.vision.image_size), persistent=False)
        self.apply(self.initialise)

    def initialise(self, module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features) / 2)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.05)

    def encode(self, pixels):
        """[B, 192, 192, 3] bytes -> encoder features [B, 720, vision width]."""
        crops = crops_of(pixels, self.halving, self.cfg.vision)
        features = self.model.vision_tower.vision_tower.vision_model(crops.flatten(0, 1))
        return features.reshape(len(pixels), -1, features.shape[-1])

    def project(self, features):
        return self.model.mm_projector(features)

    def decode(self, vision, text_ids, layout):
        """The decoder over [vision | newline | text].

        Returns the normed states of newlines and text, the vision stream as it enters
        every layer, and the cache: keys and values of each layer, proxies left out.
        The last layer computes no vision queries: nothing depends on them.
        """
        cfg, core, n = self.cfg, self.model, layout.vision
        newline = core.image_newline.expand(len(vision), layout.newlines, -1)
        rest = torch.cat([newline, core.embed_tokens(text_ids)], dim=1)
        vision = vision.float()
        proxy, streams, cache = None, [], []
        for i, layer in enumerate(core.layers):
            streams.append(vision)
            last = i + 1 == cfg.num_hidden_layers
            if cfg.proxyv and i >= cfg.proxyv_start_layer:
                if proxy is None:
                    proxy = make_proxies(vision, cfg)
                p = layout.proxies
                y, kv = layer(torch.cat([vision, proxy, rest], dim=1), n, layout.rope_proxy, layout.mask_proxy)
                proxy, rest = y[:, :p], y[:, p:]
                if not last:
                    vision = core.vision_mlp_layers[i - cfg.proxyv_start_layer](vision, proxy)
                kv = tuple(torch.cat([t[:, :, :n], t[:, :, n + p:]], dim=2) for t in kv)
            else:
                y, kv = layer(torch.cat([vision, rest], dim=1), n if last else 0, layout.rope,
                              layout.mask_text if last else layout.mask)
                if last:
                    rest = y
                else:
                    vision, rest = y[:, :n], y[:, n:]
            cache.append(kv)
        return core.norm(rest), streams, cache

    def logits(self, states):
        return self.lm_head(states)

    def forward(self, pixels, text_ids, layout):
        """Training: logits of the text, the projected features and the vision stream entering the start layer."""
        projected = self.project(self.encode(pixels))
        states, streams, _ = self.decode(projected, text_ids, layout)
        return self.logits(states[:, layout.newlines:]), projected, streams[self.cfg.proxyv_start_layer]

    def step(self, ids, position, cache):
        """One token per row through plain layers; extends `cache` in place. Returns logits [B, vocab]."""
        rope = rope_table(torch.tensor([position], device=ids.device), self.cfg)
        x = self.model.embed_tokens(ids)[:, None]
        for i, layer in enumerate(self.model.layers):
            x, cache[i] = layer(x, 0, rope, None, cache[i])
        return self.logits(self.model.norm(x[:, 0]))

    @torch.no_grad()
    def answer(self, pixels, prompts, max_new, bos, eos):
        """Greedy answers to several prompts (token ids after the image) about one picture.

        The image prefix is computed once: its states depend on nothing after it. All rows
        then advance in step, each through its prompt and on into its answer.
        """
        device = pixels.device
        layout = Layout(self.cfg, [], device)
        _, _, cache = self.decode(self.project(self.encode(pixels[None])), torch.tensor([[bos]], device=device), layout)
        cache = [tuple(t.expand(len(prompts), -1, -1, -1) for t in kv) for kv in cache]
        answers = [[] for _ in prompts]
        done = [False] * len(prompts)
        fed = [prompt[0] for prompt in prompts]
        for t in range(max(map(len, prompts)) + max_new):
            choice = self.step(torch.tensor(fed, device=device), layout.image_end + t, cache).argmax(-1).tolist()
            for r, prompt in enumerate(prompts):
                reading = t + 1 < len(prompt)
                fed[r] = prompt[t + 1] if reading else choice[r]
                done[r] = done[r] or (not reading and choice[r] == eos)
                if not (reading or done[r]) and len(answers[r]) < max_new:
                    answers[r].append(choice[r])
            if all(done):
                break
        return answers

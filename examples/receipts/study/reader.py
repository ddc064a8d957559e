"""The receipt reader with every method of the study. Weights keep the reference's names."""

import torch
from torch import nn

from decoder import make_proxies, rope_table
from layout import Layout
from model import Model
from parts import LearnedProxies, LightMlp, SplatUpdate, values_alone
from pictures import crops_of
from reduction import keep_top, renumber, scores_of, take, vision_zip


class Reader(Model):
    def __init__(self, cfg):
        super().__init__(cfg)
        changed = cfg.num_hidden_layers - cfg.proxyv_start_layer
        if cfg.proxyv and cfg.learn_proxy:
            self.model.proxyv_initializer = LearnedProxies(cfg)
            self.model.vision_mlp_layers = nn.ModuleList(SplatUpdate(cfg) for _ in range(changed))
            self.model.vision_mlp_layers.apply(self.initialise)
            self.model.proxyv_initializer.apply(self.initialise)
        if cfg.light_mlp:
            self.model.light_mlp_layers = nn.ModuleList(LightMlp(cfg) for _ in range(changed))
            self.model.light_mlp_layers.apply(self.initialise)

    def encode(self, pixels):
        if self.cfg.reduction != "vision_zip":
            return super().encode(pixels)
        how = self.cfg.vision_reduction
        crops = crops_of(pixels, self.halving, self.cfg.vision)
        features = vision_zip(self.model.vision_tower.vision_tower.vision_model, crops.flatten(0, 1),
                              how["dominant"], how["contextual"])
        return features.reshape(len(pixels), -1, features.shape[-1])

    def decode(self, vision, text_ids, layout, asking=None):
        """As Model.decode. asking [B, S]: the text rows that rank vision tokens, for methods that rank."""
        if self.cfg.reduction in ("pyramid_drop", "fast_v"):
            return self.decode_dropping(vision, text_ids, layout, asking)
        cfg, core, n = self.cfg, self.model, layout.vision
        rest = self.rest_of(text_ids, len(vision), layout)
        vision, streams, cache, proxies = vision.float(), [], [], None
        for i, layer in enumerate(core.layers):
            streams.append(vision)
            last = i + 1 == cfg.num_hidden_layers
            changed = i - cfg.proxyv_start_layer
            if changed >= 0 and cfg.proxyv:
                proxies = proxies or self.first_proxies(vision)
                vision, proxies, rest, kv = self.proxy_layer(layer, changed, last, vision, proxies, rest, layout)
            elif changed >= 0 and cfg.proxyv_study.startswith("att"):
                before = vision
                y, kv = layer(torch.cat([vision, rest], dim=1), n, layout.rope, layout.mask_text)
                vision, rest = before if last else self.skipped(layer, changed, before), y
            else:
                mask = layout.mask_v2v if changed >= 0 and cfg.proxyv_study == "mask_v2v" else layout.mask
                y, kv = layer(torch.cat([vision, rest], dim=1), n if last else 0, layout.rope,
                              layout.mask_text if last else mask)
                vision, rest = (vision, y) if last else (y[:, :n], y[:, n:])
            cache.append(kv)
        return core.norm(rest), streams, cache

    def rest_of(self, text_ids, batch, layout):
        newline = self.model.image_newline.expand(batch, layout.newlines, -1)
        return torch.cat([newline, self.model.embed_tokens(text_ids)], dim=1)

    def first_proxies(self, vision):
        if self.cfg.learn_proxy:
            return self.model.proxyv_initializer(vision, self.cfg.crops)
        return make_proxies(vision, self.cfg), None

    def proxy_layer(self, layer, changed, last, vision, proxies, rest, layout):
        n, p = layout.vision, layout.proxies
        proxy, splat = proxies
        y, kv = layer(torch.cat([vision, proxy, rest], dim=1), n, layout.rope_proxy, layout.mask_proxy)
        proxy, rest = y[:, :p], y[:, p:]
        if not last:
            update = self.model.vision_mlp_layers[changed]
            vision = update(vision, proxy) if splat is None else update(vision, proxy, splat)
        kv = tuple(torch.cat([t[:, :, :n], t[:, :, n + p:]], dim=2) for t in kv)
        return vision, (proxy, splat), rest, kv

    def skipped(self, layer, changed, vision):
        """What is left of a layer for vision tokens that do not attend."""
        if self.cfg.proxyv_study == "attn_ffn_skip":
            return self.model.light_mlp_layers[changed](vision) if self.cfg.light_mlp else vision
        if self.cfg.proxyv_study == "attn_skip_keep":
            vision = vision + values_alone(layer.self_attn, layer.input_layernorm(vision))
        return vision + layer.mlp(layer.post_attention_layernorm(vision))

    def drops(self):
        """{layers that have run: vision tokens that stay}."""
        how, whole = self.cfg.vision_reduction, self.cfg.crops * self.cfg.per_crop
        rounded = round if self.cfg.reduction == "fast_v" else int
        return {layer: rounded(whole * ratio) for layer, ratio in zip(how["layers"], how["ratios"])}

    def decode_dropping(self, vision, text_ids, layout, asking):
        """PyramidDrop and FastV. Positions and masks differ from picture to picture once tokens are gone."""
        cfg, batch, drops = self.cfg, len(vision), self.drops()
        ahead = cfg.reduction == "pyramid_drop"
        rest = self.rest_of(text_ids, batch, layout)
        vision, streams, cache, scores = vision.float(), [], [], None
        positions, rope, mask, mask_text = layout.position.expand(batch, -1), layout.rope, layout.mask, layout.mask_text
        for i, layer in enumerate(self.model.layers):
            n, last = vision.shape[1], i + 1 == cfg.num_hidden_layers
            if i in drops:
                if ahead:
                    scores = self.rank(layer, vision, rest, positions, rope, layout, asking)
                kept = keep_top(scores, drops[i])
                vision = take(vision, kept)
                positions = torch.cat([positions[:, :n].gather(1, kept), positions[:, n:]], dim=1)
                if ahead:
                    positions = self.renumbered(positions, n - drops[i], drops[i], layout)
                n = drops[i]
                rope = layout.table[:, positions][:, :, None]
                mask = layout.seen(positions, positions, n)
                mask_text = mask[:, :, n:]
            streams.append(vision)
            if not ahead and i + 1 in drops:
                scores = self.rank(layer, vision, rest, positions, rope, layout, asking)
            y, kv = layer(torch.cat([vision, rest], dim=1), n if last else 0, rope, mask_text if last else mask)
            vision, rest = (vision, y) if last else (y[:, :n], y[:, n:])
            cache.append(kv)
        return self.model.norm(rest), streams, cache

    @torch.no_grad()
    def rank(self, layer, vision, rest, positions, rope, layout, asking):
        n = vision.shape[1]
        with torch.autocast(vision.device.type, enabled=False):
            x = torch.cat([vision, rest], dim=1).float()
            rows = n + layout.newlines + asking
            seen = layout.seen_by_rows(positions, rows, n)
            return scores_of(layer, x, rope, rows, seen, n)

    @staticmethod
    def renumbered(positions, gone, kept, layout):
        """Ranks among what is left of the image and the bos token; every segment of text moves up by what is gone."""
        shared = kept + layout.newlines + 1
        return torch.cat([renumber(positions[:, :shared]), positions[:, shared:] - gone], dim=1)

    def forward(self, pixels, text_ids, layout, asking=None):
        """Logits of the text."""
        states, _, _ = self.decode(self.project(self.encode(pixels)), text_ids, layout, asking)
        return self.logits(states[:, layout.newlines:])

    def position_of_next(self, layout):
        """Per layer the position of the token behind an image."""
        cfg, end = self.cfg, layout.image_end
        positions, gone = [], 0
        drops = self.drops() if cfg.reduction == "pyramid_drop" else {}
        for i in range(cfg.num_hidden_layers):
            gone = cfg.crops * cfg.per_crop - drops[i] if i in drops else gone
            positions.append(end - gone)
        return positions

    def continue_from(self, ids, positions, cache):
        """One token per row through plain layers, positions per layer; extends `cache` in place."""
        x = self.model.embed_tokens(ids)[:, None]
        for i, layer in enumerate(self.model.layers):
            x, cache[i] = layer(x, 0, positions[i], None, cache[i])
        return self.logits(self.model.norm(x[:, 0]))


class StudyLayout(Layout):
    """Layout with what the study needs: masked vision, and masks from positions that are known only later."""

    def __init__(self, cfg, segment_lengths, device, flex=False):
        super().__init__(cfg, segment_lengths, device, flex)
        if cfg.proxyv_study == "mask_v2v":
            vision = torch.arange(len(self.position), device=device) < self.vision
            self.mask_v2v = self.mask & ~(vision[:, None] & vision[None, :])
        self.table = rope_table(torch.arange(self.image_end + max([1, *segment_lengths]), device=device), cfg)

    def seen(self, query, key, vision):
        """[B, 1, N, N] of positions [B, N], of which the first `vision` rows are vision tokens."""
        part = torch.cat([self.part[:vision], self.part[self.vision:]])
        return ((query[:, :, None] >= key[:, None, :]) & ((part == 0)[None, :] | (part[None, :] == part[:, None])))[:, None]

    def seen_by_rows(self, positions, rows, vision):
        """[B, S, N]: what each of the rows [B, S] sees."""
        part = torch.cat([self.part[:vision], self.part[self.vision:]])
        own = part[rows]
        return (positions.gather(1, rows)[..., None] >= positions[:, None]) & ((part == 0) | (part == own[..., None]))

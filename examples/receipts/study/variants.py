"""The rows of the study: what is trained, and what is only tried on the weights of baseline/."""

from dataclasses import dataclass, replace

from config import Config

SEEDS = (1, 2, 3)


@dataclass
class Variant:
    name: str
    changes: dict
    seeds: tuple = SEEDS
    spare: tuple = ()          # further seeds, once every variant has had its own
    keep: bool = True          # its first checkpoint comes home
    weight: float = 1.0        # rough cost of a step, to share out GPUs

    def config(self, vocabulary):
        return replace(Config(vocab_size=vocabulary), **self.changes)


def proxyv(start, learned=False, **more):
    return {"proxyv": True, "proxyv_start_layer": start, "learn_proxy": learned, **more}


def study(kind, start, **more):
    return {"proxyv_study": kind, "proxyv_start_layer": start, **more}


def vision_zip(dominant, contextual):
    return {"vision_reduction": {"method": "vision_zip", "dominant": dominant, "contextual": contextual}}


def pyramid_drop(ratio):
    return {"vision_reduction": {"method": "pyramid_drop", "layers": [2, 4, 6], "ratios": [ratio, ratio ** 2, ratio ** 3]}}


def fast_v(layer, ratio):
    return {"vision_reduction": {"method": "fast_v", "layers": [layer], "ratios": [ratio]}}


# Settings of the reductions: what saves as many FLOPs as ProxyV from layer 3 (47 %), or as ProxyV from layer 1 (66 %).
TRAINED = (
    Variant("baseline", {}, weight=1.0),
    Variant("proxyv_spatial_3", proxyv(3), weight=0.65),
    Variant("proxyv_learned_3", proxyv(3, learned=True), weight=0.7),
    Variant("vision_zip_91", vision_zip(77, 14), weight=0.6),
    Variant("pyramid_drop_67", pyramid_drop(0.67), weight=1.0),
    Variant("fast_v_48", fast_v(2, 0.48), weight=1.0),
    Variant("zip_learned_3", {**vision_zip(85, 15), **proxyv(3, learned=True)}, weight=0.55),
    Variant("atn_keep_3", study("attn_skip_keep", 3), weight=0.7),
    Variant("atn_ffn_mlp_3", study("attn_ffn_skip", 3, light_mlp=True), weight=0.55),
    Variant("proxyv_spatial_1", proxyv(1), seeds=(1,), spare=(2, 3), weight=0.5),
    Variant("proxyv_learned_1", proxyv(1, learned=True), seeds=(1,), spare=(2, 3), weight=0.5),
    Variant("atn_keep_1", study("attn_skip_keep", 1), seeds=(1,), spare=(2, 3), keep=False, weight=0.6),
    Variant("atn_ffn_mlp_1", study("attn_ffn_skip", 1, light_mlp=True), seeds=(1,), spare=(2, 3), keep=False, weight=0.4),
    Variant("atn_ffn_3", study("attn_ffn_skip", 3), seeds=(1,), spare=(2, 3), keep=False, weight=0.5),
    Variant("atn_ffn_1", study("attn_ffn_skip", 1), seeds=(1,), spare=(2, 3), keep=False, weight=0.35),
    Variant("vision_zip_64", vision_zip(54, 10), seeds=(1,), spare=(2, 3), keep=False, weight=0.5),
    Variant("pyramid_drop_33", pyramid_drop(0.33), seeds=(1,), spare=(2, 3), keep=False, weight=0.7),
    Variant("fast_v_17", fast_v(2, 0.17), seeds=(1,), spare=(2, 3), keep=False, weight=0.6),
)

UNTRAINED = (
    Variant("baseline", {}),
    *(Variant(f"mask_v2v_{layer}", study("mask_v2v", layer)) for layer in range(7)),
    Variant("vision_zip_91", vision_zip(77, 14)),
    Variant("pyramid_drop_67", pyramid_drop(0.67)),
    Variant("fast_v_48", fast_v(2, 0.48)),
    Variant("vision_zip_64", vision_zip(54, 10)),
    Variant("pyramid_drop_33", pyramid_drop(0.33)),
    Variant("fast_v_17", fast_v(2, 0.17)),
    *(Variant(f"atn_drop_{layer}", study("attn_skip_drop", layer)) for layer in (1, 3, 5)),
    *(Variant(f"atn_keep_{layer}", study("attn_skip_keep", layer)) for layer in (1, 3, 5)),
    *(Variant(f"atn_ffn_{layer}", study("attn_ffn_skip", layer)) for layer in (1, 3, 5)),
)

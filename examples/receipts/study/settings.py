"""The variants of the study. `main` ones are trained with three seeds, the others with one."""

from dataclasses import dataclass, field

from config import Config


@dataclass(frozen=True)
class Variant:
    name: str
    main: bool = False
    changes: dict = field(default_factory=dict)

    def config(self, vocabulary):
        return Config(vocab_size=vocabulary, **self.changes)

    @property
    def new_weights(self):
        return bool(self.changes.get("proxyv") or self.changes.get("light_mlp"))


def zipped(dominant, contextual):
    return {"method": "vision_zip", "dominant": dominant, "contextual": contextual}


def pyramid(ratio):
    return {"method": "pyramid_drop", "layers": [2, 4, 6], "ratios": [ratio, round(ratio ** 2, 4), round(ratio ** 3, 4)]}


def fast_v(layer, keep):
    return {"method": "fast_v", "layer": layer, "keep": keep}


# The first of each pair costs what ProxyV from layer 3 costs, the second what it costs from layer 1.
ZIPS = (zipped(76, 14), zipped(54, 10))
PYRAMIDS = (pyramid(0.655), pyramid(0.33))
FAST_VS = (fast_v(2, 336), fast_v(2, 122))


def spatial(start):
    return {"proxyv": True, "proxyv_start_layer": start}


def learned(start):
    return {"proxyv": True, "learn_proxy": True, "proxyv_start_layer": start}


def study(kind, start, **more):
    return {"proxyv_study": kind, "proxyv_start_layer": start, **more}


MAIN = (
    Variant("baseline", True),
    Variant("proxyv_spatial_3", True, spatial(3)),
    Variant("proxyv_learned_3", True, learned(3)),
    Variant("vision_zip", True, {"vision_reduction": ZIPS[0]}),
    Variant("pyramid_drop", True, {"vision_reduction": PYRAMIDS[0]}),
    Variant("fast_v", True, {"vision_reduction": FAST_VS[0]}),
    Variant("vision_zip_proxyv_3", True, {**learned(3), "proxyv_crop_proxies": 6, "vision_reduction": ZIPS[0]}),
    Variant("attn_keep_3", True, study("attn_skip_keep", 3)),
    Variant("attn_ffn_mlp_3", True, study("attn_ffn_skip", 3, light_mlp=True)),
)
OTHERS = (
    Variant("proxyv_spatial_1", False, spatial(1)),
    Variant("attn_ffn_mlp_1", False, study("attn_ffn_skip", 1, light_mlp=True)),
    Variant("attn_keep_1", False, study("attn_skip_keep", 1)),
    Variant("attn_ffn_3", False, study("attn_ffn_skip", 3)),
    Variant("attn_ffn_1", False, study("attn_ffn_skip", 1)),
    Variant("proxyv_learned_1", False, learned(1)),
    Variant("vision_zip_tight", False, {"vision_reduction": ZIPS[1]}),
    Variant("fast_v_tight", False, {"vision_reduction": FAST_VS[1]}),
    Variant("pyramid_drop_tight", False, {"vision_reduction": PYRAMIDS[1]}),
)
# Without any training: the reductions, and masks and skips from every layer on.
FREE = tuple(Variant(name, False, {"vision_reduction": how})
             for name, pair in (("vision_zip", ZIPS), ("pyramid_drop", PYRAMIDS), ("fast_v", FAST_VS))
             for name, how in ((name, pair[0]), (name + "_tight", pair[1])))
CURVES = tuple(Variant(f"{kind}_{start}", False, study(kind, start)) for start in range(8)
               for kind in ("mask_v2v", "attn_skip_drop", "attn_skip_keep", "attn_ffn_skip"))
ALL = {v.name: v for v in (*MAIN, *OTHERS)}

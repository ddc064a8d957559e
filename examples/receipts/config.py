"""Sizes of the model, and config.json."""

from dataclasses import asdict, dataclass, field

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
PICTURE_SIDE = 192
STUDY = ("proxyv_study", "light_mlp", "vision_reduction")   # in config.json only where used


@dataclass
class VisionConfig:
    hidden_size: int = 128
    intermediate_size: int = 384
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    image_size: int = 96
    patch_size: int = 8
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    image_mean: tuple = CLIP_MEAN
    image_std: tuple = CLIP_STD

    @property
    def side(self):
        return self.image_size // self.patch_size


@dataclass
class Config:
    """The part of config.json that varies between our checkpoints."""
    vocab_size: int
    proxyv: bool = False
    proxyv_start_layer: int = 3
    proxyv_reduce_factor: int = 4
    learn_proxy: bool = False
    proxyv_study: str = ""                # "mask_v2v", "attn_skip_drop", "attn_skip_keep", "attn_ffn_skip"
    light_mlp: bool = False
    vision_reduction: dict | None = None  # {"method": "vision_zip" | "pyramid_drop" | "fast_v", ...}
    hidden_size: int = 128
    intermediate_size: int = 320
    num_hidden_layers: int = 8
    num_attention_heads: int = 4
    num_key_value_heads: int = 4
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    vision: VisionConfig = field(default_factory=VisionConfig)

    @property
    def head_dim(self):
        return self.hidden_size // self.num_attention_heads

    @property
    def vision_mlp_hidden(self):
        return self.hidden_size // (4 if self.hidden_size >= 1024 else 2)

    @property
    def crops(self):
        return 1 + (PICTURE_SIDE // self.vision.image_size) ** 2

    @property
    def per_crop(self):
        return self.vision.side ** 2

    @property
    def reduction(self):
        """The name of the reduction, "" without one."""
        return self.vision_reduction["method"] if self.vision_reduction else ""

    @property
    def tokens_per_crop(self):
        """Vision tokens of a crop that the decoder gets."""
        if self.reduction == "vision_zip":
            return self.vision_reduction["dominant"] + self.vision_reduction["contextual"]
        return self.per_crop

    @property
    def proxies_per_crop(self):
        if self.reduction == "vision_zip":
            return max(1, self.tokens_per_crop // self.proxyv_reduce_factor ** 2)
        return (self.vision.side // self.proxyv_reduce_factor) ** 2

    def to_json(self):
        """config.json in Hugging Face / LLaVA terms, plus our own "vision_config"."""
        size = self.vision.image_size
        study = {name: getattr(self, name) for name in STUDY if getattr(self, name)}
        return {
            "architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava_llama",
            "hidden_size": self.hidden_size, "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads, "vocab_size": self.vocab_size,
            "hidden_act": "silu", "rms_norm_eps": self.rms_norm_eps, "rope_theta": self.rope_theta,
            "tie_word_embeddings": False, "max_position_embeddings": 2048, "torch_dtype": "bfloat16",
            "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
            "mm_projector_type": "mlp2x_gelu", "mm_hidden_size": self.vision.hidden_size,
            "mm_vision_select_layer": -2, "mm_vision_select_feature": "patch",
            "image_aspect_ratio": "anyres",
            "image_grid_pinpoints": [[size, 2 * size], [2 * size, size], [2 * size, 2 * size],
                                     [3 * size, size], [size, 3 * size]],
            "tokenizer_model_max_length": 2048, "max_num_image_crops": self.crops,
            "per_crop_token_len": self.per_crop, "proxyv": self.proxyv,
            "proxyv_start_layer": self.proxyv_start_layer,
            "proxyv_reduce_factor": self.proxyv_reduce_factor, "learn_proxy": self.learn_proxy,
            "vision_config": asdict(self.vision), **study,
        }

    @staticmethod
    def from_json(data):
        names = [n for n in Config.__dataclass_fields__ if n != "vision"]
        return Config(vision=VisionConfig(**data["vision_config"]), **{n: data[n] for n in names if n in data})

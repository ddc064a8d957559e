"""Checkpoint folders: model.safetensors (bf16), config.json, tokenizer.json."""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from config import Config
from model import Model


def save_checkpoint(model, alphabet, folder):
    """model.safetensors (bf16), config.json, tokenizer.json."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().bfloat16().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(model.cfg.to_json(), indent=2) + "\n")
    tokens = ["<pad>", "<s>", "</s>", *alphabet]
    tokenizer = {"type": "char", "version": 1, "tokens": tokens, "bos": 1, "eos": 2, "pad": 0}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer) + "\n")


def load_checkpoint(folder):
    """The model in float32 with the stored (rounded) weights."""
    folder = Path(folder)
    cfg = Config.from_json(json.loads((folder / "config.json").read_text()))
    model = Model(cfg)
    model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    return model.eval()

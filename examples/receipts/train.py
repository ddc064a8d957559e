"""Trains the receipt reader: `--variant baseline`, then `--variant proxyv --init BASELINE`.

One GPU: python3 train.py ...      several: torchrun --nproc-per-node N train.py ...
The learning-rate schedule follows the clock, so that --minutes is the whole budget.
"""

import argparse
import math
import os
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

import exam
from bridge import LABELS, SLOTS, Bridge, Feeder
from checkpoint import load_checkpoint, save_checkpoint
from config import Config
from layout import Layout
from model import Model

TRAINING_SEEDS = 1 << 40          # far from the exam's seeds
TOPICS, LINES, COLUMNS = 64, 12, 20
PRETRAINING = 0.1                 # share of a ProxyV run that trains only the new weights and the projector
LOG_EVERY = 50


class ReadingAid(nn.Module):
    """Auxiliary losses, dropped after training: what is written on each patch of the sub-crops.

    The encoder is asked for the characters; the vision stream that enters the start
    layer also for line, column and topic (an item's name on the tokens of its price).
    """

    def __init__(self, cfg):
        super().__init__()
        self.base = cfg.per_crop
        self.sizes = (cfg.vocab_size, cfg.vocab_size, LINES, COLUMNS, TOPICS)
        assert len(self.sizes) == LABELS
        self.early = nn.Linear(cfg.hidden_size, sum(self.sizes[:2]))
        self.late = nn.Sequential(nn.LayerNorm(cfg.hidden_size), nn.Linear(cfg.hidden_size, sum(self.sizes)))

    def forward(self, projected, stream, labels):
        early = self.early(projected[:, self.base:]).split(self.sizes[:2], dim=-1)
        late = self.late(stream[:, self.base:]).split(self.sizes, dim=-1)
        written = (labels[..., 0] > 0).float()
        weight = (0.05 + written) / (0.05 + written).sum()

        def loss(logits, column):
            each = F.cross_entropy(logits.float().flatten(0, 1), labels[..., column].flatten(), reduction="none")
            return (each * weight.flatten()).sum()

        return sum(loss(x, i) for i, x in enumerate(early)) + sum(loss(x, i) for i, x in enumerate(late))


def slot_accuracy(logits, targets):
    """Share of right answers per slot. All tokens right under teacher forcing is a right greedy answer."""
    wrong = (logits.argmax(-1) != targets) & (targets > 0)
    return torch.stack([1 - part.any(-1).float().mean() for part in wrong.split(SLOTS, dim=1)])


class Objective(nn.Module):
    def __init__(self, model, layout):
        super().__init__()
        self.model, self.layout = model, layout
        self.aid = ReadingAid(model.cfg)

    def forward(self, pixels, tokens, targets, labels, aid_weight):
        bos = torch.ones_like(tokens[:, :1])
        logits, projected, stream = self.model(pixels, torch.cat([bos, tokens], dim=1), self.layout)
        logits = logits[:, 1:].float()
        answer = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=0)
        aid = self.aid(projected, stream, labels)
        return answer + aid_weight * aid, torch.cat([torch.stack([answer, aid]), slot_accuracy(logits, targets)]).detach()


def start_model(args, alphabet):
    """A fresh baseline, or the --init weights; ProxyV's vision updates start as (nearly) no update."""
    proxyv = args.variant == "proxyv"
    cfg = Config(vocab_size=3 + len(alphabet), proxyv=proxyv, proxyv_start_layer=args.start_layer,
                 proxyv_reduce_factor=args.reduce_factor)
    model = Model(cfg)
    if args.init:
        missing, unexpected = model.load_state_dict(load_checkpoint(args.init).state_dict(), strict=False)
        assert not unexpected and all("vision_mlp_layers" in name for name in missing), (missing, unexpected)
    return model


@torch.no_grad()
def prepare_updates(model, baseline, pixels):
    """Zero output, and a norm gain that keeps the vision stream at the size it has in the baseline."""
    layout = Layout(baseline.cfg, [], pixels.device)
    bos = torch.ones(len(pixels), 1, dtype=torch.long, device=pixels.device)
    _, streams, _ = baseline.decode(baseline.project(baseline.encode(pixels)), bos, layout)
    size = streams[model.cfg.proxyv_start_layer].square().mean().sqrt()
    for update in model.model.vision_mlp_layers:
        nn.init.zeros_(update.proj[2].weight)
        update.layernorm_post.weight.fill_(size.item())


def learning_rate(fraction, peak, warm_up=0.03):
    if fraction < warm_up:
        return peak * fraction / warm_up
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (fraction - warm_up) / (1 - warm_up))))


def parameter_groups(objective, proxyv):
    """Three groups: new weights (with the projector) and the rest, matrices and vectors apart for weight decay."""
    groups = {}
    for name, p in objective.named_parameters():
        new = not proxyv or any(part in name for part in ("vision_mlp_layers", "mm_projector", "aid."))
        decay = 0.02 if p.ndim > 1 and "embed" not in name else 0.0
        groups.setdefault((new, decay), []).append(p)
    return [{"params": ps, "weight_decay": decay, "new": new} for (new, decay), ps in groups.items()]


def share_gradients(parameters, fraction, world):
    """Averages gradients, and the clock, over all processes; returns the common clock."""
    if world == 1:
        return fraction
    with_gradient = [p for p in parameters if p.grad is not None]
    flat = torch.cat([p.grad.flatten() for p in with_gradient]
                     + [torch.tensor([fraction], device=with_gradient[0].device)])
    dist.all_reduce(flat)
    flat /= world
    parts = flat[:-1].split([p.numel() for p in with_gradient])
    for p, part in zip(with_gradient, parts):
        p.grad.copy_(part.view_as(p))
    return flat[-1].item()


def train(args, model, bridge, device, rank, world):
    layout = Layout(model.cfg, SLOTS, device, flex=device != "cpu")
    objective = Objective(model, layout).to(device)
    proxyv = model.cfg.proxyv
    optimizer = torch.optim.AdamW(parameter_groups(objective, proxyv), lr=0.0, betas=(0.9, 0.98), fused=device != "cpu")
    step = torch.compile(objective) if device != "cpu" else objective
    feeder = Feeder(bridge, TRAINING_SEEDS + ((args.seed * world + rank) << 32), args.batch, device)
    parameters = list(objective.parameters())

    begin, fraction, count = None, 0.0, 0
    while fraction < 1.0:
        pixels, tokens, targets, labels = feeder.next()
        aid_weight = torch.tensor(0.3 * (1 - fraction) + 0.02, device=device)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            loss, numbers = step(pixels, tokens.long(), targets.long(), labels.long(), aid_weight)
        loss.backward()
        if begin is None:            # compilation does not count
            begin = time.time()
        fraction = share_gradients(parameters, (time.time() - begin) / (60 * args.minutes), world)
        for group in optimizer.param_groups:
            held = proxyv and fraction < PRETRAINING and not group["new"]
            group["lr"] = 0.0 if held else learning_rate(fraction, args.lr)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        count += 1
        if rank == 0 and count % LOG_EVERY == 0:
            seconds = time.time() - begin
            shown = " ".join(f"{x:.4f}" for x in numbers.tolist())
            print(f"step {count} {seconds:.0f}s {count * args.batch * world / seconds:.0f} pictures/s | "
                  f"answer, aid, right per slot: {shown}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=("baseline", "proxyv"), default="baseline")
    parser.add_argument("--init", help="checkpoint folder to start from; needed for proxyv")
    parser.add_argument("--start-layer", type=int, default=3)
    parser.add_argument("--reduce-factor", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=256, help="pictures per step and process")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True, help="folder of the checkpoint")
    parser.add_argument("--eval", action="store_true", help="no training: sit the exam with the checkpoint in --out, and write expected.jsonl there")
    args = parser.parse_args()
    if args.variant == "proxyv" and not (args.init or args.eval):
        parser.error("--variant proxyv starts from a baseline: --init FOLDER")
    return args


def sit_exam(folder, bridge, device):
    results = exam.sit(load_checkpoint(folder).to(device), bridge)
    exam.write(results, Path(folder) / "expected.jsonl")
    print(exam.report(results), flush=True)


def main():
    args = arguments()
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bridge = Bridge()
    if args.eval:
        sit_exam(args.out, bridge, device)
        return
    if world > 1:
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
    torch.manual_seed(args.seed)
    model = start_model(args, bridge.alphabet).to(device)
    if model.cfg.proxyv:
        pixels = bridge.batch(TRAINING_SEEDS - 64, 64, 1)[0].to(device)
        prepare_updates(model, load_checkpoint(args.init).to(device), pixels)
    train(args, model, bridge, device, rank, world)
    if rank == 0:
        save_checkpoint(model, bridge.alphabet, args.out)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()

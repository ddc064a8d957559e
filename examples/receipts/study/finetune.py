"""One variant of the study: every seed of it, one after the other, in a process that compiles once. Started by campaign.py."""

import argparse
import json
import time
import traceback
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import score
import variants
from bridge import SLOTS
from checkpoint import load_checkpoint, save_checkpoint
from pool import Batches, Pool
from reader import Reader, StudyLayout
from train import PRETRAINING, learning_rate

CALIBRATION = 6.0                 # seconds
NEW = ("vision_mlp_layers", "light_mlp_layers", "proxyv_initializer")


class Objective(nn.Module):
    def __init__(self, model, layout):
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, pixels, tokens, targets, asking):
        logits = self.model(pixels, score.with_bos(tokens), self.layout, asking)[:, 1:]
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=0)


def parameter_groups(model):
    """New weights (with the projector) and the rest, matrices and vectors apart for weight decay."""
    has_new = any(part in name for name, _ in model.named_parameters() for part in NEW)
    groups = {}
    for name, p in model.named_parameters():
        new = not has_new or any(part in name for part in (*NEW, "mm_projector"))
        decay = 0.02 if p.ndim > 1 and "embed" not in name else 0.0
        groups.setdefault((new, decay), []).append(p)
    return [{"params": ps, "weight_decay": decay, "new": new} for (new, decay), ps in groups.items()]


class Trainer:
    def __init__(self, args, variant):
        self.args, self.device = args, args.device
        self.pool = Pool(args.pool)
        self.variant = variant
        self.cfg = variant.config(3 + len(self.pool.alphabet))
        self.exam = self.pool.receipts("exam", args.capacity_exam)
        self.model = self.objective = None

    def build(self, flex, compiled):
        model = Reader(self.cfg).to(self.device)
        layout = StudyLayout(self.cfg, SLOTS, self.device, flex)
        if compiled:
            torch._dynamo.config.recompile_limit = 64       # one per kind of layer, mask and mode
            for layer in [*model.model.layers, *model.model.vision_tower.vision_tower.vision_model.encoder.layers,
                          *getattr(model.model, "vision_mlp_layers", [])]:
                layer.compile(dynamic=False)
        self.model, self.objective = model, Objective(model, layout)

    @torch.no_grad()
    def start(self, seed):
        """The weights of the baseline; new ones start so that they change nothing but the size of the vision stream."""
        torch.manual_seed(seed)
        fresh = Reader(self.cfg).state_dict()
        known = load_checkpoint(self.args.init).state_dict()
        self.model.load_state_dict({name: known.get(name, value) for name, value in fresh.items()})
        for light in getattr(self.model.model, "light_mlp_layers", []):
            nn.init.zeros_(light.proj[2].weight)
        updates = getattr(self.model.model, "vision_mlp_layers", [])
        if len(updates):
            size = self.stream_size()
        for update in updates:
            nn.init.zeros_(update.proj[2].weight)
            update.layernorm_post.weight.fill_(size)

    def stream_size(self):
        """Root mean square of the vision stream where it enters the start layer."""
        model = Reader(self.cfg).to(self.device)
        model.load_state_dict(self.model.state_dict())
        pixels = torch.tensor(self.exam["pixels"][-min(32, self.args.exam):]).to(self.device)
        bos = torch.ones(len(pixels), 1, dtype=torch.long, device=self.device)
        _, streams, _ = model.decode(model.project(model.encode(pixels)), bos, StudyLayout(self.cfg, [], self.device))
        return streams[self.cfg.proxyv_start_layer].square().mean().sqrt().item()

    def batches(self, seed, available):
        receipts = self.pool.receipts("train", self.args.capacity)
        return Batches(receipts, available, self.args.batch, seed, self.device, score.ranked_by_text(self.cfg))

    def step(self, optimizer, batch, fraction):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            loss = self.objective(*batch)
        loss.backward()
        for group in optimizer.param_groups:
            held = fraction < PRETRAINING and not group["new"]
            group["lr"] = 0.0 if held else learning_rate(fraction, self.args.lr)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def optimizer(self):
        return torch.optim.AdamW(parameter_groups(self.model), lr=0.0, betas=(0.9, 0.98), fused=self.device != "cpu")

    def sample(self):
        """A batch of exam receipts, to compile with."""
        batch = Batches(self.exam, self.args.exam, self.args.batch, 0, self.device, False)
        made = batch.next()
        batch.stop()
        return made

    def prepare(self):
        """Compiles, in the fastest way that works here."""
        for flex, compiled in (((True, True), (False, True), (False, False)) if self.device != "cpu" else ((False, False),)):
            begin = time.time()
            try:
                torch.compiler.reset()
                self.build(flex, compiled)
                self.start(1)
                optimizer, batch = self.optimizer(), self.sample()
                for _ in range(3):
                    loss = self.step(optimizer, batch, 0.01)
                print(f"prepared: flex {flex}, compiled {compiled}, {time.time() - begin:.1f} s, loss {loss.item():.4f}", flush=True)
                return
            except Exception:
                traceback.print_exc()
        raise RuntimeError("no way of training works")

    def calibrate(self, begin):
        """Steps in CALIBRATION seconds while everybody else runs too."""
        optimizer, batch, count = self.optimizer(), self.sample(), 0
        while time.time() < begin:
            time.sleep(0.01)
        while time.time() < begin + CALIBRATION:
            self.step(optimizer, batch, 0.01).item()
            count += 1
        return count

    def train(self, seed, steps, available, deadline):
        """False when time ran out first."""
        self.start(seed)
        optimizer, batches = self.optimizer(), self.batches(seed, available)
        begin, losses = time.time(), []
        for count in range(1, steps + 1):
            losses.append(self.step(optimizer, batches.next(), count / steps).detach())
            if count % 100 == 0 or count == steps:
                print(f"seed {seed} step {count} {time.time() - begin:.0f} s, loss {torch.stack(losses).mean().item():.4f}", flush=True)
                losses = []
            if time.time() > deadline:
                break
        batches.stop()
        return count == steps

    def judge(self, model):
        begin = time.time()
        model = model.to(self.device).eval()
        forced = score.forced(model, self.pool, self.exam, self.args.exam, 64, self.device)
        read = score.transcription(model, self.pool, self.exam, self.args.transcripts, 64, self.device)
        return {"forced": forced, "greedy_all": read, "judged_seconds": round(time.time() - begin, 1)}

    def rounded(self):
        """The model with its weights as a checkpoint stores them."""
        model = Reader(self.cfg)
        model.load_state_dict({k: v.detach().bfloat16().float() for k, v in self.model.state_dict().items()})
        return model


def wait_for(path, deadline):
    while not path.exists():
        if time.time() > deadline:
            raise TimeoutError(path)
        time.sleep(0.1)
    return json.loads(path.read_text())


def put(path, value):
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.rename(path)


def report(args, line):
    with open(Path(args.work) / f"{args.process}.jsonl", "a") as out:
        out.write(json.dumps(line) + "\n")


def run_trained(args, variant):
    work, trainer = Path(args.work), Trainer(args, variant)
    trainer.prepare()
    put(work / f"{variant.name}.ready", time.time())
    begin = wait_for(work / "begin.json", args.deadline)
    if time.time() < begin:
        put(work / f"{variant.name}.speed", trainer.calibrate(begin) / CALIBRATION)
    plan = wait_for(work / "plan.json", args.deadline)
    for seed in variant.seeds[:plan["seeds"]]:
        run_seed(args, trainer, variant, seed, plan)
    put(work / f"{variant.name}.done", time.time())
    for seed in variant.spare:
        if all_done(work, plan["names"], args.deadline - 20):
            run_seed(args, trainer, variant, seed, plan)


def all_done(work, names, deadline):
    """Waits until every variant has had its seeds; False when there is no time left then."""
    while any(not (work / f"{name}.done").exists() for name in names):
        if time.time() > deadline:
            return False
        time.sleep(0.5)
    return time.time() < deadline


def run_seed(args, trainer, variant, seed, plan):
    began = time.time()
    if not trainer.train(seed, plan["steps"], plan["receipts"], args.deadline):
        print(f"seed {seed}: no time", flush=True)
        return
    model, seconds = trainer.rounded(), time.time() - began
    if seed == variant.seeds[0] and variant.keep:
        save_checkpoint(model, trainer.pool.alphabet, Path(args.work) / "checkpoints" / variant.name)
    report(args, {"variant": variant.name, "trained": True, "seed": seed, "steps": plan["steps"], "batch": args.batch,
                  "seconds": round(seconds, 1), **trainer.judge(model)})


def run_untrained(args):
    known = load_checkpoint(args.init).state_dict()
    for variant in variants.UNTRAINED[args.share::args.shares]:
        trainer = Trainer(args, variant)
        model = Reader(trainer.cfg)
        model.load_state_dict(known)
        report(args, {"variant": variant.name, "trained": False, **trainer.judge(model)})


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--process", required=True, help="name of a variant, or untrained-N")
    parser.add_argument("--share", type=int, default=0)
    parser.add_argument("--shares", type=int, default=1)
    parser.add_argument("--init", required=True)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--capacity", type=int, required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--deadline", type=float, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--capacity-exam", type=int, required=True)
    parser.add_argument("--exam", type=int, default=2048)
    parser.add_argument("--transcripts", type=int, default=256)
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(1)
    if args.process.startswith("untrained"):
        run_untrained(args)
    else:
        run_trained(args, next(v for v in variants.TRAINED if v.name == args.process))


if __name__ == "__main__":
    main()

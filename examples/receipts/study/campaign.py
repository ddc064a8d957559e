"""The whole study on the GPUs of one machine, within a time limit: python3 campaign.py --seconds 520 --out FOLDER.

Draws the receipts, starts a process per variant on every GPU in turn, measures how fast they are together, and gives
every run of every variant the same number of steps: as many as the time allows. FOLDER gets results.json, rewritten
as results come, log.txt, and the kept checkpoints in archives of three.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import torch

import pool
import variants
from bridge import Bridge
from finetune import CALIBRATION, put

TRAINING_SEEDS = 1 << 42
RESERVE = 55                  # seconds at the end for judging and packing
CAUTION = 0.85


def room(folder):
    fs = os.statvfs(folder)
    return fs.f_bavail * fs.f_frsize


def shares(devices):
    """{variant: device}, dear ones first, to and fro."""
    dear_first = sorted(variants.TRAINED, key=lambda v: -v.weight * len(v.seeds))
    back_and_forth = devices + devices[::-1]
    return {v.name: back_and_forth[i % len(back_and_forth)] for i, v in enumerate(dear_first)}


class Campaign:
    def __init__(self, args):
        self.args, self.begin = args, args.began or time.time()
        self.deadline = self.begin + args.seconds - 15
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        big = Path("/dev/shm") if Path("/dev/shm").is_dir() and room("/dev/shm") > 120_000 * args.pool + (1 << 30) else None
        self.work = Path(tempfile.mkdtemp(dir=big))
        self.gpus = torch.cuda.device_count()
        self.device = "cuda" if self.gpus else "cpu"
        self.assigned = shares(list(range(max(1, self.gpus))))
        self.packed, self.processes, self.facts = 0, {}, {"gpus": [torch.cuda.get_device_name(i) for i in range(self.gpus)]}

    def say(self, text):
        line = f"{time.time() - self.begin:6.1f} {text}"
        print(line, flush=True)
        with open(self.out / "log.txt", "a") as log:
            log.write(line + "\n")

    def launch(self, name, gpu, *more):
        command = [sys.executable, str(HERE / "finetune.py"), "--process", name, "--init", self.args.init, "--pool", str(self.work),
                   "--capacity", str(self.args.pool), "--work", str(self.work), "--device", self.device, "--deadline", str(self.deadline),
                   "--batch", str(self.args.batch), "--capacity-exam", str(self.args.exam), *more]
        paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": str(gpu), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1",
                       "TORCHINDUCTOR_COMPILE_THREADS": "3", "TORCHINDUCTOR_CACHE_DIR": str(self.work / "inductor"),
                       "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
        log = open(self.work / f"{name}.log", "w")
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def judging(self, part):
        return ["--exam", str(self.args.exam // part), "--transcripts", str(self.args.transcripts // part)]

    def chosen(self):
        return [v for v in variants.TRAINED if not self.args.only or v.name in self.args.only]

    def start(self):
        bridge = Bridge()
        (self.work / "alphabet.json").write_text(json.dumps(bridge.alphabet))
        threads = max(1, (os.cpu_count() or 2) * 3 // 8)
        pool.draw(bridge, self.work, "exam", pool.EXAM_SEED, self.args.exam, threads)
        for variant in self.chosen():
            self.launch(variant.name, self.assigned[variant.name], *self.judging(1))
        for i in range(max(1, self.gpus) if not self.args.trained_only else 0):
            self.launch(f"untrained-{i}", i, "--share", str(i), "--shares", str(max(1, self.gpus)), *self.judging(2))
        self.say(f"started {len(self.processes)} processes on {self.gpus} GPUs, {os.cpu_count()} cores; receipts in {self.work}")
        until = self.begin + self.args.barrier
        self.receipts = pool.draw(bridge, self.work, "train", TRAINING_SEEDS, self.args.pool, threads, lambda: time.time() < until)
        self.say(f"{self.receipts} receipts to train on")

    def marks(self, ending):
        return {p.stem: json.loads(p.read_text()) for p in self.work.glob(f"*.{ending}")}

    def agree(self):
        """Waits for the processes, lets them run together for a moment, and fixes the number of steps."""
        names = {v.name for v in self.chosen()}
        while (missing := names - self.marks("ready").keys()) and time.time() < self.begin + self.args.barrier:
            if all(self.processes[n].poll() is not None for n in missing):
                break
            time.sleep(0.2)
        ready = names & self.marks("ready").keys()
        self.say(f"ready: {len(ready)} of {len(names)}; late: {sorted(missing)}")
        put(self.work / "begin.json", time.time() + 1)
        last = time.time() + CALIBRATION + 10
        while len(self.marks("speed")) < len(ready) and time.time() < last:
            time.sleep(0.1)
        speeds = self.marks("speed")
        steps = self.args.steps or self.steps_for(speeds, names)
        seeds = len(variants.SEEDS) if steps >= self.args.least else 1
        if seeds == 1 and not self.args.steps:
            steps *= 2
        self.facts.update(speeds=speeds, steps=steps, seeds=seeds, receipts=self.receipts, batch=self.args.batch)
        self.say(f"steps {steps}, seeds {seeds}, steps a second: " + " ".join(f"{k} {v:.1f}" for k, v in sorted(speeds.items())))
        put(self.work / "plan.json", {"steps": steps, "seeds": seeds, "receipts": self.receipts, "names": sorted(ready)})

    def steps_for(self, speeds, names):
        """Steps of every run such that the slowest GPU is done in time; with n processes on it each gets 1 / n of it."""
        left = self.deadline - time.time() - RESERVE
        usual = sorted(speeds.values())[len(speeds) // 2]
        counts = []
        for gpu in range(max(1, self.gpus)):
            here = [v for v in self.chosen() if self.assigned[v.name] == gpu]
            running = max(1, sum(v.name in speeds for v in here))
            cost = sum(len(v.seeds) / (running * max(speeds.get(v.name, usual), 0.1)) for v in here)
            counts.append(left / cost if cost else 1e9)
        return int(CAUTION * min(counts))

    def results(self):
        lines = []
        for path in sorted(self.work.glob("*.jsonl")):
            lines += [json.loads(line) for line in path.read_text().splitlines()]
        return lines

    def save(self):
        part = self.out / "results.part"
        part.write_text(json.dumps({**self.facts, "results": self.results()}))
        part.rename(self.out / "results.json")

    def finish(self):
        known = set()
        while any(p.poll() is None for p in self.processes.values()) and time.time() < self.deadline + 5:
            time.sleep(1)
            for line in self.results():
                name = (line["variant"], line["trained"], line.get("seed", 0))
                if name not in known:
                    known.add(name)
                    self.say(f"result {len(known)}: {name} {line.get('forced', {}).get('all')} {line.get('greedy_all')}")
            self.save()
            self.pack()
        self.save()
        for name, process in self.processes.items():
            if process.poll() is None:
                process.kill()
                self.say(f"{name} was stopped")
        self.pack()
        for path in sorted(self.work.glob("*.log")):
            tail = path.read_text()[-1500:]
            self.say(f"--- {path.stem}\n{tail}")
        shutil.rmtree(self.work, ignore_errors=True)

    def pack(self, each=3):
        """Archives of the checkpoints that are there, again when there are more."""
        folders = sorted(p for p in (self.work / "checkpoints").glob("*") if (p / "tokenizer.json").exists())
        if len(folders) == self.packed:
            return
        self.packed = len(folders)
        for i in range(0, len(folders), each):
            with tarfile.open(self.out / f"checkpoints-{i // each}.tar", "w") as tar:
                for folder in folders[i:i + each]:
                    tar.add(folder, folder.name)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--init", default=str(HERE.parent / "baseline"))
    parser.add_argument("--seconds", type=float, default=520, help="for everything")
    parser.add_argument("--began", type=float, default=0, help="when the clock started, seconds since 1970; default: now")
    parser.add_argument("--barrier", type=float, default=150, help="seconds until whoever is ready begins")
    parser.add_argument("--pool", type=int, default=120_000, help="receipts to draw at most")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--exam", type=int, default=2048)
    parser.add_argument("--transcripts", type=int, default=256)
    parser.add_argument("--steps", type=int, default=0, help="of every run; default: what the time allows")
    parser.add_argument("--least", type=int, default=400, help="fewer steps than this: one seed instead of three")
    parser.add_argument("--only", nargs="*", help="variants to train")
    parser.add_argument("--trained-only", action="store_true")
    return parser.parse_args()


def main():
    campaign = Campaign(arguments())
    campaign.start()
    campaign.agree()
    campaign.finish()


if __name__ == "__main__":
    main()

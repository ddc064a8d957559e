"""The whole study in one command: python3 run_study.py --out FOLDER.

Draws receipts into shared memory, trains every variant of settings.py in processes side by side on all GPUs, marks
them, and keeps FOLDER/results.json up to date. Nothing that is done is lost when it is cut off.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import settings
from bridge import Bridge
from pool import Pool

PER_PACK = 3          # checkpoints in one tar file
MARKING = 60          # seconds kept for marking models, when the number of steps is found by measuring


class Work:
    """Hands out (variant, seeds) jobs; long ones first."""

    def __init__(self, args):
        names = [n for n in (args.only.split(",") if args.only else settings.ALL)]
        main = {v.name for v in settings.MAIN}
        self.jobs = [(n, args.seeds if n in main else args.seeds.split(",")[0]) for n in names]
        self.jobs.insert(0, ("untrained", "0")) if not args.only else None
        self.lock = threading.Lock()

    def take(self):
        with self.lock:
            return self.jobs.pop(0) if self.jobs else None


def environment(args, gpu):
    env = dict(os.environ, CUDA_VISIBLE_DEVICES=str(gpu), PYTORCH_CUDA_ALLOC_CONF="expandable_segments:True",
               TORCHINDUCTOR_COMPILE_THREADS=str(args.compile_threads), OMP_NUM_THREADS="2", PYTHONUNBUFFERED="1")
    return env


def run_job(args, pool, alphabet, job, gpu):
    name, seeds = job
    command = [sys.executable, str(Path(__file__).with_name("finetune.py")), "--variant", name, "--seeds", seeds,
               "--pool", f"{pool.fd},{pool.examination},{pool.count - pool.examination}", "--alphabet", alphabet,
               "--steps", str(args.steps), "--batch", str(args.batch), "--lr", str(args.lr), "--whole", str(args.whole),
               "--deadline", str(args.deadline), "--out", args.out]
    with open(Path(args.out) / "logs" / f"{name}.txt", "a") as log:
        log.write(f"GPU {gpu}\n")
        log.flush()
        process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=[pool.fd], env=environment(args, gpu))
        try:
            code = process.wait(max(1.0, args.deadline + 25 - time.time()))
        except subprocess.TimeoutExpired:
            process.kill()
            code = "killed at the deadline"
    print(f"[{time.time() - args.begin:5.0f} s] GPU {gpu} {name}: {code}", flush=True)


def agree_on_steps(args, runs):
    """Measures how fast everybody is at the same time, and says how many steps fit for all."""
    trained = [n for n, _ in runs if n != "untrained"]
    while time.time() < args.begin + args.patience:
        if all((Path(args.out) / "rates" / n).exists() for n in trained):
            break
        time.sleep(0.5)
    time.sleep(5)                                   # once more with everybody there
    rates = {p.name: float(p.read_text() or 0) for p in (Path(args.out) / "rates").glob("*")}
    left = args.deadline - time.time() - MARKING
    steps = int(0.8 * left * sum(rates.values()) / sum(len(s.split(",")) for n, s in runs if n != "untrained"))
    steps = max(50, min(args.most_steps, steps // 50 * 50))
    (Path(args.out) / "steps.json.part").write_text(str(steps))
    (Path(args.out) / "steps.json.part").rename(Path(args.out) / "steps.json")
    print(f"[{time.time() - args.begin:5.0f} s] {steps} steps each; {len(rates)} of {len(trained)} measured, "
          f"together {sum(rates.values()):.1f} steps/s: {json.dumps({k: round(v, 1) for k, v in rates.items()})}", flush=True)


def collect(args):
    results = [json.loads(p.read_text()) for p in sorted((Path(args.out) / "results").glob("*.json"))]
    part = Path(args.out) / "results.json.part"
    part.write_text("[\n" + ",\n".join(json.dumps(r) for r in results) + "\n]\n")
    part.rename(Path(args.out) / "results.json")
    return results


def pack(args):
    """logs.tar.gz, and the main rows' checkpoints, PER_PACK to a file."""
    out = Path(args.out)
    with tarfile.open(out / "logs.tar.gz", "w:gz") as tar:
        tar.add(out / "logs", "logs")
    there = [v.name for v in settings.MAIN if (out / "checkpoints" / v.name / "tokenizer.json").exists()]
    for i in range(0, len(there), PER_PACK):
        with tarfile.open(out / f"checkpoints{i // PER_PACK}.tar", "w") as tar:
            for name in there[i:i + PER_PACK]:
                tar.add(out / "checkpoints" / name, name)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--slots", type=int, default=10, help="processes on each GPU")
    parser.add_argument("--seeds", default="1,2,3", help="of the main rows; the others take the first")
    parser.add_argument("--steps", type=int, default=0, help="of each run; 0: as many as fit, the same for all")
    parser.add_argument("--most-steps", type=int, default=4000)
    parser.add_argument("--patience", type=float, default=170, help="seconds until the steps are agreed on at the latest")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--examination", type=int, default=2048)
    parser.add_argument("--learning", type=int, default=131072)
    parser.add_argument("--whole", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=480, help="when training must stop")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="that draw receipts")
    parser.add_argument("--compile-threads", type=int, default=4)
    parser.add_argument("--only", help="names of variants, comma between")
    args = parser.parse_args()
    args.begin = time.time()
    args.deadline = args.begin + args.seconds
    return args


def main():
    args = arguments()
    (Path(args.out) / "logs").mkdir(parents=True, exist_ok=True)
    pool = Pool.create(args.examination, args.learning)
    bridge = Bridge()
    filling = threading.Thread(target=pool.fill, args=(bridge, args.threads), daemon=True)
    filling.start()
    work = Work(args)
    everything = list(work.jobs)

    def slot(gpu):
        while (job := work.take()) is not None and time.time() < args.deadline - 20:
            run_job(args, pool, bridge.alphabet, job, gpu)

    slots = [threading.Thread(target=slot, args=(i % args.gpus,)) for i in range(args.gpus * args.slots)]
    for thread in slots:
        thread.start()
    filling.join()
    print(f"[{time.time() - args.begin:5.0f} s] {pool.count} receipts drawn", flush=True)
    if not args.steps:
        agree_on_steps(args, everything)
    while any(thread.is_alive() for thread in slots):
        time.sleep(2)
        collect(args)
    results = collect(args)
    pack(args)
    print(f"[{time.time() - args.begin:5.0f} s] {len(results)} results", flush=True)


if __name__ == "__main__":
    main()

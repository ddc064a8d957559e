#!/usr/bin/env python3
"""What PyTorch itself loses in bf16 on golden files, as a yardstick for ours.

  python3 tests/golden/torch_error.py [options] FILE...

A golden file holds float64 results of a small model. This runs the same model as an ordinary PyTorch port
would (weights and activations in bf16; norms, rotary angles and softmax inside in f32, results rounded to
bf16), feeds back the file's own tokens and compares each tensor `out.*` of the file:

  NAME TENSOR MEDIAN LARGEST       error = max |found - wanted| / max |wanted|
  NAME worst MEDIAN LARGEST        of a run's largest error of any tensor

Such an error is luck in good part: where results round differently, though no worse, it is often half as
large again. So the model runs --runs times, with inputs nudged by far less than bf16 resolves.

The port (torch_port.py) is checked first: in float64 it must agree with the file to 1e-6 (F32 storage costs
up to 2e-7), else exit 1. Batches, the studies' modes, families phi3 and internlm2 and kind "unit" are skipped.

  --ours FILE   output of `bash tests/golden.sh --engine cuda --dtype bf16 FILE...`: its lines
                `PASS|FAIL|SKIP name worst-error tensor`, and per-tensor lines `name tensor error` if any.
                Exit 1 if a file that PyTorch ran did not pass there, or if, with the limit of 1.2,
                  ours of one file > 1.2 x the largest of PyTorch's runs on it, or
                  the mean over the files of ours / PyTorch's median (geometric) > 1.2.

Needs torch (1.13 or newer, CPU or CUDA) and numpy.
"""

import argparse
import math
import pathlib
import statistics
import sys

import torch

from torch_port import GoldenFile, Run, nudged

ELEMENTS = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def number_in(word):
    try:
        return float(word)
    except ValueError:
        return None


def read_ours(path):
    """-> {name: (verdict, worst error, its tensor)} and {name: {tensor: error}}."""
    worst, each = {}, {}
    for line in pathlib.Path(path).read_text().splitlines():
        words = line.split()
        if len(words) >= 4 and words[0] in ("PASS", "FAIL", "SKIP"):
            error = number_in(words[2])
            worst[words[1]] = (words[0], math.inf if error is None else error, bare(words[3]))
        elif len(words) == 3 and number_in(words[2]) is not None:
            errors, tensor = each.setdefault(words[0], {}), bare(words[1])
            errors[tensor] = max(number_in(words[2]), errors.get(tensor, 0.0))  # each way of running the file
    for name, errors in each.items():  # more digits than the line of the whole file has
        tensor = max(errors, key=errors.get)
        worst[name] = (worst.get(name, ("PASS",))[0], errors[tensor], tensor)
    return worst, each


def bare(tensor):
    return tensor.removeprefix("out.")


def ratio(ours, theirs):
    return ours / theirs if theirs > 0 else (math.inf if ours > 0 else 1.0)


def largest_ratios(ours, theirs):
    ratios = {t: ratio(error, theirs[t][0]) for t, error in ours.items() if t in theirs}
    top = sorted(ratios, key=ratios.get, reverse=True)[:3]
    return ", ".join(f"{t} {ratios[t]:.2f}" for t in top)


def compare(torch_errors, path, limit):
    """Prints the ratios; True when all hold."""
    worst, each = read_ours(path)
    head = ("PyTorch: median", "largest", "ours", "/median", "/largest", "  tensor")
    print("\n{:22s} {:>15s} {:>8s} {:>8s} {:>7s} {:>8s} {}".format("file", *head))
    held, logs = True, []
    for name, theirs in torch_errors.items():
        median, largest = theirs["worst"]
        verdict, ours, tensor = worst.get(name, ("missing", math.inf, "-"))
        good = verdict == "PASS" and ours <= limit * largest
        held = held and good
        over = [ratio(ours, median), ratio(ours, largest)]
        if 0 < over[0] < math.inf:
            logs.append(math.log(over[0]))
        mark = "" if good else f"  <-- {'above the limit' if verdict == 'PASS' else verdict}"
        numbers = f"{median:15.2e} {largest:8.2e} {ours:8.2e} {over[0]:7.2f} {over[1]:8.2f}"
        print(f"{name:22s} {numbers}   {tensor}{mark}")
        if name in each:
            print(f"{'':24s}largest ratios of a tensor: {largest_ratios(each[name], theirs)}")
    mean = math.exp(sum(logs) / len(logs)) if logs else math.inf
    print(f"{'geometric mean':22s} {'':33s} {mean:7.2f}   limit {limit}")
    return held and mean <= limit


def one_run(file, seed, dtype, choice):
    return Run(nudged(file, seed, dtype), dtype, choice.device, choice.attention == "sdpa").errors()


def errors_of_runs(file, choice):
    """-> {tensor: (median, largest)} over the runs; "worst" is of each run's largest error."""
    runs = []
    for seed in range(choice.runs):
        errors = one_run(file, seed, ELEMENTS[choice.dtype], choice)
        runs.append({**errors, "worst": max(errors.values())})
    spread = {t: [run[t] for run in runs] for t in runs[0]}
    return {t: (statistics.median(errors), max(errors)) for t, errors in spread.items()}


def measure(path, choice):
    """-> name and errors of one file; None for one that is skipped, {} for one that the port gets wrong."""
    file = GoldenFile(path)
    reason = file.skip_reason()
    if reason:
        print(f"# {file.name} skipped: {reason}")
        return file.name, None
    with torch.inference_mode():
        port = max(one_run(file, 0, torch.float64, choice).values())
        if not port <= 1e-6:
            print(f"# {file.name}: the port in f64 is off by {port:.1e}: NOT the same model")
            return file.name, {}
        errors = errors_of_runs(file, choice)
    print(f"# {file.name}: the port in f64 is off by {port:.1e}")
    for tensor in ["worst"] if choice.brief else sorted(errors):
        print(f"{file.name} {tensor} {errors[tensor][0]:.2e} {errors[tensor][1]:.2e}")
    return file.name, errors


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--dtype", choices=sorted(ELEMENTS), default="bf16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    fused = hasattr(torch.nn.functional, "scaled_dot_product_attention")
    parser.add_argument(
        "--attention",
        choices=["explicit", "sdpa"],
        default="sdpa" if fused else "explicit",
        help="a softmax in f32 between two products, or scaled_dot_product_attention",
    )
    parser.add_argument("--runs", type=int, default=9, help="runs of each model (9)")
    parser.add_argument("--ours", help="output of our checker to compare with")
    parser.add_argument("--limit", type=float, default=1.2)
    parser.add_argument("--brief", action="store_true", help="only the line `worst` of each file")
    return parser.parse_args()


def main():
    choice = parse()
    print(f"# torch {torch.__version__} on {choice.device}, {choice.dtype}, attention {choice.attention}")
    held, results = True, {}
    for path in choice.files:
        name, errors = measure(path, choice)
        if choice.ours and name in results:
            sys.exit(f"torch_error.py: two files are named {name}")
        held = held and errors != {}
        if errors:
            results[name] = errors
    if choice.ours:
        held = compare(results, choice.ours, choice.limit) and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

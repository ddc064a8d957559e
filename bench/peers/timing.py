"""Times by CUDA events, peak memory, CUDA graphs, and the backend of fused attention."""

import contextlib
import statistics
import time

import torch

START = time.time()


def elapsed():
    return time.time() - START


def say(*words):
    print(f"[{elapsed():6.1f} s]", *words, flush=True)


def timed(call, count, idle=0.0):
    """Milliseconds of `count` calls, each begun on an idle device that has rested for `idle` seconds."""
    times = []
    for _ in range(count):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        time.sleep(idle)
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return times


def back_to_back(call):
    timed(call, 5)
    return statistics.median(timed(call, 30))


def spaced(call):
    return statistics.median(timed(call, 8, idle=0.05))


def captured(call, warm=2):
    """-> a CUDA graph of the call, and what the call returned (rewritten by each replay)."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(warm):
            call()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    return graph, result


def many_in_graph(calls):
    """Mean milliseconds of short calls: all of them in one graph, median of 20 replays."""
    graph, kept = captured(lambda: [call() for call in calls])
    timed(graph.replay, 3)
    ms = statistics.median(timed(graph.replay, 20)) / len(calls)
    del kept
    return ms


def peak_of(call):
    """-> bytes that the call needed beyond what was held before it, and the allocator's peak."""
    call()
    torch.cuda.synchronize()
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    kept = call()
    torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated()
    del kept
    return peak - held, peak


def backend(name):
    """Fused attention by this backend only: flash, cudnn, efficient; None leaves the choice to PyTorch."""
    if name is None:
        return contextlib.nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(
        {
            "flash": SDPBackend.FLASH_ATTENTION,
            "cudnn": SDPBackend.CUDNN_ATTENTION,
            "efficient": SDPBackend.EFFICIENT_ATTENTION,
        }[name]
    )

"""What the PyTorch contenders share: one thread, the noise of `numbers.mjs`, and the answering of turns."""

import json
import sys
import time

import torch

torch.set_num_threads(1)


def noise(count, seed, scale=1.0):
    """Uniform numbers on [-scale, scale) from a hash of their positions."""
    mask = 0xFFFFFFFF
    bits = (torch.arange(count, dtype=torch.int64) + seed * 0x9E3779B9) & mask
    bits = ((bits ^ (bits >> 16)) * 0x21F0AAAD) & mask
    bits = ((bits ^ (bits >> 15)) * 0x735A2D97) & mask
    return ((((bits ^ (bits >> 15)) >> 8).double() * 2 / 2**24 - 1) * scale).float()


def product_speed(n=512):
    """GFLOP/s of a product, which tells a plain BLAS from a good one."""
    a = torch.ones(n, n)
    torch.mm(a, a)
    began = time.perf_counter()
    torch.mm(a, a)
    return 2 * n**3 / (time.perf_counter() - began) / 1e9


def serve(step, answers=None, **more):
    """Says version, speed and `more`, then answers each line: `answers` with numbers, a number of seconds with the milliseconds of a step."""
    print(json.dumps({"version": torch.__version__, "speed": product_speed(), **more}), flush=True)
    for line in sys.stdin:
        if line.strip() == "answers":
            print(json.dumps(answers() if answers is not None else [step() for _ in range(5)]), flush=True)
            continue
        began, steps = time.perf_counter(), 0
        while steps == 0 or time.perf_counter() - began < float(line):
            step()
            steps += 1
        print(1000 * (time.perf_counter() - began) / steps, flush=True)

#!/usr/bin/env python3
"""Python's AdamW, fused and not, on the tensors of benchmarks/optimizers.cpp:
medians of a step, in microseconds, on one thread. Needs torch."""

import statistics
import time

import torch

SIZES = [("4 small", [(64, 32), (64,), (10, 64), (10,)], 1000),
         ("100 x 10,000", [(10_000,)] * 100, 20),
         ("50 x 200,000", [(200_000,)] * 50, 2)]


def time_us(optimizer, steps):
    begin = time.perf_counter()
    for _ in range(steps):
        optimizer.step()
    return (time.perf_counter() - begin) / steps * 1e6


def main():
    torch.set_num_threads(1)
    for name, shapes, steps in SIZES:
        optimizers = []
        for fused in (False, True):
            torch.manual_seed(0)
            parameters = [torch.randn(shape, requires_grad=True) for shape in shapes]
            for p in parameters:
                p.grad = torch.randn(p.shape)
            optimizers.append(torch.optim.AdamW(parameters, fused=fused))
            time_us(optimizers[-1], steps)
        rounds = [[time_us(o, steps) for o in optimizers] for _ in range(11)]
        plain, fused = (statistics.median(r[i] for r in rounds) for i in (0, 1))
        print(f"{name:16} {plain:10.1f} {fused:10.1f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains examples/fashion_mnist in each precision with several seeds, and writes the table of docs/guide/precision.md.

usage: precision.py FASHION_MNIST_PROGRAM [--epochs 2] [--seeds 5] [--data DIR]

One run at a time, on the threads that OMP_NUM_THREADS names. Columns: mean and standard deviation of the accuracy on the
10,000 test images, mean of the differences to the 32-true run of the same seed with their standard error. 16-true has
--eps 1e-4: AdamW's own 1e-8 is zero in float16.
"""
import argparse, math, re, statistics, subprocess, tempfile

PRECISIONS = ["32-true", "64-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true"]


def run(program, precision, seed, epochs, data):
    with tempfile.TemporaryDirectory() as out:
        command = [program, "--precision", precision, "--seed", str(seed), "--epochs", str(epochs), "--out", out]
        command += ["--eps", "1e-4"] if precision == "16-true" else []
        done = subprocess.run(command + (["--data", data] if data else []), capture_output=True, text=True, check=True)
    found = re.search(r"test/acc\D*([0-9.]+)", done.stdout)
    if not found:
        raise SystemExit(f"no test/acc in what {' '.join(command)} wrote:\n{done.stdout}")
    return float(found.group(1))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--data")
    a = p.parse_args()
    if a.seeds < 2:
        raise SystemExit("a spread needs two seeds")
    print("| precision | test accuracy, % | difference to 32-true |")
    print("| --- | --- | --- |", flush=True)
    base = []
    for precision in PRECISIONS:
        runs = [run(a.program, precision, seed, a.epochs, a.data) for seed in range(1, a.seeds + 1)]
        accuracy = [100 * accuracy for accuracy in runs]
        base = base or accuracy
        apart = [x - y for x, y in zip(accuracy, base)]
        error = statistics.stdev(apart) / math.sqrt(a.seeds)
        difference = "–" if accuracy is base else f"{statistics.mean(apart):+.2f} ± {error:.2f}"
        print(f"| {precision} | {statistics.mean(accuracy):.2f} ± {statistics.stdev(accuracy):.2f} | {difference} |", flush=True)


main()

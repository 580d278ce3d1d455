"""Runs the benchmark: each repeat of each peer is a fresh process; peers take turns, so that drift hits all alike, in an
order of its own each round, since what ran before leaves its traces (a large peer the page cache colder).

    run.py --out results.jsonl                       everything
    run.py --peer lightning --workload W1 W5         one peer, two workloads
"""
import argparse
import importlib.metadata
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.environ.get("TORCHBOLT_PROGRAMS", f"{HERE}/../../build/release/bin")
ALL = ["torchbolt", "raw_libtorch", "raw_torch", "lightning", "keras", "fastai", "ignite", "accelerate", "composer", "torchtnt"]
SOURCES = ["preloaded", "loader0", "loader2"]
# workload -> (threads, 0 = all cores; repeats; {peer: variants})
PLAN = {
    "W1": (1, 5, {p: ["plain"] for p in ALL} | {
        "torchbolt": ["plain", "unfused"], "raw_libtorch": ["plain", "unfused"], "raw_torch": ["plain", "unfused", "compile"],
        "lightning": ["plain", "barebones"]}),
    "W2": (1, 5, {
        "torchbolt": ["memory", "bar", "csv"], "raw_libtorch": ["memory", "csv"], "raw_torch": ["memory", "item", "bar", "csv"],
        "lightning": ["memory", "bar", "csv"], "ignite": ["memory", "bar", "csv"], "keras": ["memory", "bar"],
        "fastai": ["memory", "bar"]}),
    "W3": (0, 5, {p: SOURCES for p in ALL} | {"raw_libtorch": SOURCES + ["preloaded_unfused"]}),
    "W4": (0, 3, {p: ["preloaded"] for p in ["raw_libtorch", "raw_torch", "lightning"]}),
    "W5": (0, 5, {p: ["plain"] for p in ALL}),
    "W6": (0, 3, {
        "torchbolt": ["save", "async"], "raw_libtorch": ["save"], "raw_torch": ["save", "dcp", "dcp_async"], "lightning": ["save", "async"]}),
    "W7": (1, 5, {"raw_torch": ["1", "2"], "lightning": ["1", "2"]}),
    "W8": (0, 3, {
        "torchbolt": ["transforms0", "transforms2"],
        "raw_libtorch": ["tensor0", "tensor2", "loops0", "loops2"],
        "raw_torch": ["tensor0", "tensor2", "torchvision0", "torchvision2"]}),
}
APART = {"W5", "W6", "W7"}  # one process for each variant; else one process runs all variants of a peer


def command(peer, workload, threads, variants):
    cells = [f"{workload}:{v}" for v in variants]
    if peer == "raw_libtorch":
        return [f"{PROGRAMS}/raw_libtorch", str(threads), *cells]
    if peer == "torchbolt":
        return [f"{PROGRAMS}/torchbolt_workloads", str(threads), *cells]
    python = [sys.executable, "-W", "ignore"]
    if workload == "W7" and variants[0] == "2":
        python += ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29581"]
    return [*python, f"{HERE}/one.py", peer, str(threads), *cells]


def busy():
    """Seconds of work that all processors have done since boot."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def once(peer, workload, threads, variants, log):
    env = dict(os.environ, PYTHONPATH=HERE, WANDB_MODE="disabled")
    if threads:
        env["OMP_NUM_THREADS"] = env["MKL_NUM_THREADS"] = str(threads)
    with tempfile.TemporaryFile("w+") as out:
        before = busy()
        env["BENCH_T0"] = str(time.monotonic())
        child = subprocess.Popen(command(peer, workload, threads, variants), stdout=out, stderr=log, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        others = (busy() - before - usage.ru_utime - usage.ru_stime) / (time.monotonic() - float(env["BENCH_T0"]))
        out.seek(0)
        rows = [json.loads(line.split("RESULT ", 1)[1]) for line in out if "RESULT " in line]
    if status or not rows:
        print(f"{workload} {peer} {variants}: failed, see the log", file=sys.stderr)
    if workload == "W5" and rows:
        rows.append([workload, variants[0], "peak_rss", usage.ru_maxrss / 1024, "MiB", rows[0][5]])
    return [[*row, round(max(others, 0), 3)] for row in rows]


def versions(peer):
    names = {"raw_libtorch": ["torch"], "torchbolt": ["torch"], "lightning": ["pytorch-lightning"], "ignite": ["pytorch-ignite"],
             "composer": ["mosaicml"], "raw_torch": []}.get(peer, [peer])
    return {n: importlib.metadata.version(n) for n in {"torch", *names}} | (
        {} if peer in ("raw_libtorch", "torchbolt") else {"python": sys.version.split()[0]})


def cpu():
    with open("/proc/cpuinfo") as f:
        model = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    return f"{len(os.sched_getaffinity(0))} x {model}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", nargs="*", default=ALL, choices=ALL)
    parser.add_argument("--workload", nargs="*", default=list(PLAN), choices=list(PLAN))
    parser.add_argument("--repeats", type=int, help="instead of each workload's own number")
    parser.add_argument("--out", default="results.jsonl", help="lines are appended")
    parser.add_argument("--log", default=os.devnull, help="where the peers' own output goes")
    args = parser.parse_args()
    with open(args.log, "a") as log, open(args.out, "a") as out:
        for workload in args.workload:
            threads, repeats, peers = PLAN[workload]
            cells = [(p, part) for p, vs in peers.items() if p in args.peer
                     for part in ([[v] for v in vs] if workload in APART else [vs])]
            values, noise = {}, {}
            if workload == "W5":  # once unmeasured, so that all files are in the page cache
                [once(p, workload, threads, part, log) for p, part in cells]
            for turn in range(args.repeats or repeats):
                for peer, part in random.Random(turn).sample(cells, len(cells)):
                    for _, variant, metric, value, unit, n, others in once(peer, workload, threads, part, log):
                        values.setdefault((peer, variant, metric, unit, n), []).append(value)
                        noise.setdefault((peer, variant, metric, unit, n), []).append(others)
            for (peer, variant, metric, unit, n), xs in values.items():
                median = statistics.median(xs)
                out.write(json.dumps(dict(
                    workload=workload, system=peer, variant=variant, metric=metric, value=median, unit=unit, n=len(xs),
                    median=median, min=min(xs), max=max(xs), threads=n, versions=versions(peer), cpu=cpu(),
                    values=[float(f"{x:.6g}") for x in xs], others=noise[peer, variant, metric, unit, n])) + "\n")
            out.flush()
            print(workload, "done", time.strftime("%H:%M:%S"), flush=True)


if __name__ == "__main__":
    main()

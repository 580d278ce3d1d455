#!/usr/bin/env python3
"""Runs the scenarios whose features are all there and compares their traces with Lightning's.

usage: check.py PARITY_RUNNER WORK_FOLDER
"""
import collections, json, pathlib, shutil, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
CALLBACKS = {"EarlyStopping", "Timer", "LearningRateMonitor", "GradientAccumulationScheduler", "WeightAveraging", "EMAWeightAveraging",
             "StochasticWeightAveraging", "BackboneFinetuning", "ThroughputMonitor", "ModelCheckpoint", "OnExceptionCheckpoint"}
# Scenarios of each group that must be among those that run: a folder that lost
# some, or a runner that skips some, doesn't pass. More is welcome.
LEAST = {"ckpt": 10, "mix": 5, "resume": 7, "error": 18, "limits": 16, "loaders": 17, "log": 18, "loop": 25, "manual": 15, "optim": 52, "precision": 20, "stop": 17, "val": 19}
SCHEDULERS = {"StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
              "LambdaLR", "MultiplicativeLR", "OneCycleLR", "CyclicLR", "SWALR", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"}


def there(scenario):
    """Whether torchbolt has everything that the scenario names."""
    module, trainer = scenario.get("module", {}), scenario.get("trainer", {})
    lists = [scenario.get("callbacks", [])] + [a.get("callbacks", []) for a in scenario["actions"]]
    return not (
        any(c["type"] not in CALLBACKS for callbacks in lists for c in callbacks)
        or any(s["type"] not in SCHEDULERS for s in module.get("schedulers", [])))


def main():
    runner, work = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    chosen = [f for f in sorted((HERE / "scenarios").glob("*.json")) if there(json.loads(f.read_text()))]
    groups = collections.Counter(f.name.split("-")[0] for f in chosen)
    if short := {group: (groups[group], least) for group, least in LEAST.items() if groups[group] < least}:
        sys.exit(f"too few scenarios (there are, there must be): {short}")
    for folder, source in (("scenarios", "scenarios"), ("expected", "expected")):
        (work / folder).mkdir(parents=True)
        for f in chosen:
            shutil.copy(HERE / source / f.name, work / folder / f.name)
    subprocess.run([runner, work / "scenarios", "-o", work / "actual"], check=True)
    traces = len(list((work / "actual").glob("*.json")))
    if traces != len(chosen):
        sys.exit(f"{len(chosen)} scenarios, but {traces} traces")
    left_out = len(list((HERE / "scenarios").glob("*.json"))) - len(chosen)
    print(f"{left_out} scenarios wait for features that aren't there yet")
    return subprocess.run([sys.executable, HERE / "compare.py", work / "expected", work / "actual"]).returncode


sys.exit(main())

#!/usr/bin/env python3
"""Reads what CSVLogger wrote in a real run with Python's own csv and PyYAML.

usage: read_logs.py FASHION_MNIST_PROGRAM WORK_FOLDER
"""
import csv, pathlib, shutil, subprocess, sys

import yaml

program, work = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
subprocess.run([program, "--epochs", "1", "--batch-size", "500", "--out", work], check=True, capture_output=True)
run = work / "lightning_logs" / "version_0"

assert yaml.safe_load((run / "hparams.yaml").read_text()) == {"lr": 1e-3, "hidden": 256}, (run / "hparams.yaml").read_text()

rows = list(csv.DictReader((run / "metrics.csv").open()))
steps = [int(r["step"]) for r in rows if r["train/loss"]]
assert steps == [49, 99], steps  # 110 steps, every 50th
validation = [r for r in rows if r["val/acc"]]
assert len(validation) == 1 and int(validation[0]["step"]) == 109 and 0.5 < float(validation[0]["val/acc"]) < 1, validation
assert sum(bool(r["test/acc"]) for r in rows) == 1
print("logs read")

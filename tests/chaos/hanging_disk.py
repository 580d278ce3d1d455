#!/usr/bin/env python3
"""Trains on a disk that hangs from the middle of the run on: the training ends normally, each logger says once what isn't written, and
what is, is whole.

usage: hanging_disk.py BAD_DISK_JOB WORK_FOLDER
"""
import pathlib, shutil, subprocess, sys

from log_files import READERS

job, work = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
STEPS, WHOLE = 2000, 500
CLASSES = {"tensorboard": "TensorBoardLogger", "csv": "CSVLogger", "jsonl": "JSONLLogger", "wandb": "WandbLogger", "mlflow": "MLflowLogger"}
shutil.rmtree(work, ignore_errors=True)

# At once, since each waits for its disk for half a minute at the end.
jobs = {name: subprocess.Popen([job, "--hang", work / name, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in CLASSES}
try:
    said = {name: process.communicate(timeout=240) for name, process in jobs.items()}
finally:
    for process in jobs.values():
        process.kill()

for name, (out, err) in said.items():
    assert jobs[name].returncode == 0 and out.endswith(f"\n{STEPS} steps\n"), (name, jobs[name].returncode, out, err)
    assert err.count(f"[{CLASSES[name]}] what was logged isn't written yet") == 1, (name, err)
    loss = [(step, value) for step, tag, value in READERS[name](work / name / name / "version_0") if tag == "loss"]
    assert loss == [(step, 0.5 * step) for step in range(len(loss))], (name, loss[:50])
    assert len(loss) <= WHOLE + 1, (name, len(loss))
    print(name, len(loss), "steps of", STEPS)

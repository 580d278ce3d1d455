"""custom_logger.py PROGRAM FOLDER: runs the example and reads its file back."""

import json
import pathlib
import subprocess
import sys

program, folder = sys.argv[1:]
path = pathlib.Path(folder) / "metrics.jsonl"
run = subprocess.run([program, path], check=True, capture_output=True, text=True)
lines = [json.loads(line) for line in path.read_text().splitlines()]

assert run.stdout.endswith(f"wrote {len(lines)} lines to {path}\n"), run.stdout
assert len(lines) == 17, lines
assert lines[0] == {"hparams": {"lr": 0.1, "hidden": 8}}, lines[0]
assert lines[-1] == {"finished": "success"}, lines[-1]
# Every fifth of 60 steps, and the end of each epoch of 20.
steps = [line["step"] for line in lines[1:-1] if "train/loss_step" in line]
ends = [line["step"] for line in lines[1:-1] if "train/loss_epoch" in line]
assert steps == list(range(4, 60, 5)), steps
assert ends == [19, 39, 59], ends
assert [line["epoch"] for line in lines[1:-1]] == [k for k in range(3) for _ in range(5)]
losses = [line["train/loss_epoch"] for line in lines if "train/loss_epoch" in line]
assert losses[-1] < losses[0] / 4, losses

#!/usr/bin/env python3
"""Trains on a file system that gets full: the training ends normally and says what is missing, and the files are whole.

usage: full_disk.py BAD_DISK_JOB WORK_FOLDER

Ends with 77 where this process may not mount a file system of its own.
"""
import os, pathlib, shutil, subprocess, sys

from log_files import READERS

job, work = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
STEPS = 2000
shutil.rmtree(work, ignore_errors=True)


def run(size):
    """The job's output and its files, of a disk of that size."""
    disk, kept = work / f"disk_{size}", work / f"kept_{size}"
    disk.mkdir(parents=True)
    script = f'mount -t tmpfs -o size={size} tmpfs "$1" || exit 77; "$2" "$1/logs" {" ".join(READERS)}; code=$?; cp -a "$1/logs" "$3"; exit $code'
    return subprocess.run(["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", script, "sh",
                           disk, job, kept], capture_output=True, text=True, timeout=300), kept


for size in ("2m", "100k", "4k"):
    done, kept = run(size)
    if "unshare" in done.stderr or done.returncode == 77:
        print("no file system of one's own here:", done.stderr)
        sys.exit(77)
    assert done.returncode == 0 and done.stdout.endswith(f"\n{STEPS} steps\n"), (size, done)
    points = {}
    for name, reader in READERS.items():
        folder = kept / name / "version_0"
        loss = [(step, value) for step, tag, value in reader(folder) if tag == "loss"]
        assert loss == [(step, 0.5 * step) for step in range(len(loss))], (size, name, loss[:50])
        points[name] = len(loss)
    for name in ("TensorBoardLogger", "CSVLogger", "JSONLLogger", "WandbLogger", "MLflowLogger"):
        said = [line for line in done.stderr.splitlines() if f"[{name}]" in line]
        assert any("No space left on device" in line for line in said), (size, name, said)
        assert any("not written" in line or "lost" in line for line in said), (size, name, said)
        assert len(said) < 20, said
    print(size, points)
    assert all(n < STEPS for n in points.values()), points

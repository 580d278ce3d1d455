#!/usr/bin/env python3
"""Kills a program that logs at random moments, and reads what it has written.

usage: killed_logs.py LOG_JOB WORK_FOLDER KILLS [SEED]

Whenever it is killed, every file must be whole (but for a last record that was being written) and hold all that was flushed.
"""
import pathlib, random, shutil, subprocess, sys

from log_files import READERS

job, work, kills = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
shutil.rmtree(work, ignore_errors=True)
flushed_in_all = 0
for n in range(kills):
    folder = work / str(n)
    process = subprocess.Popen([job, folder], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()  # it has begun
    try:
        process.wait(timeout=chance.uniform(0, 0.3))  # spreads the kills; nothing is measured
    except subprocess.TimeoutExpired:
        process.kill()
    out, _ = process.communicate()
    assert process.returncode == -9, f"it ended by itself: {process.returncode}"
    flushed = int(out.split("\n")[-2]) if "\n" in out else 0
    flushed_in_all += flushed
    for name, reader in READERS.items():
        points = [(step, value) for step, tag, value in reader(folder / name / "version_0") if tag == "loss"]
        assert points == [(step, 0.5 * step) for step in range(len(points))], f"{folder}/{name}: {points[:50]}"
        assert len(points) > flushed, f"{folder}/{name} has {len(points)} steps, and {flushed} were flushed"
    shutil.rmtree(folder)
print(f"{kills} kills, {flushed_in_all} steps that were flushed, all of them there")

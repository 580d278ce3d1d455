#!/usr/bin/env python3
"""Kills a job at random moments and starts it again, until it ends, and again, until it was killed often enough.

usage: chaos.py JOB TORCHBOLT WORK_FOLDER KILLS [--async] [--seed N]

After every kill each checkpoint that is there must be whole (`torchbolt ckpt verify`), and once there was one there must be one.
The run that ends must have the weights and the log of the run that nobody killed.
"""
import argparse, pathlib, random, shutil, subprocess, sys, time

from log_files import READERS

TOO_MANY = 400  # starts of one run: far more than it can need


def start(job, folder, more):
    return subprocess.Popen([job, folder, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process, folder):
    _, errors = process.communicate(timeout=120)
    if process.returncode != 0:
        sys.exit(f"the job in {folder} failed ({process.returncode}): {errors.decode()[-2000:]}")


def verify(torchbolt, folder, had):
    files = [f for f in folder.rglob("*.ckpt")]
    for f in files:
        done = subprocess.run([torchbolt, "ckpt", "verify", f], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{f} is damaged: {done.stdout}{done.stderr}")
    if had and not list((folder / "steps").glob("last*.ckpt")):
        sys.exit(f"the last checkpoint in {folder} is gone")
    return bool(list((folder / "steps").glob("last*.ckpt")))


def result(folder):
    return folder / "end.ckpt", {name: list(reader(folder / name / "version_0")) for name, reader in READERS.items()}


def main():
    parser = argparse.ArgumentParser()
    for name in ("job", "torchbolt", "work", "kills"):
        parser.add_argument(name, type=int if name == "kills" else str)
    parser.add_argument("--async", action="store_true", dest="background")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    r = random.Random(o.seed)
    work = pathlib.Path(o.work)
    shutil.rmtree(work, ignore_errors=True)
    more = ["--async"] if o.background else []

    straight = work / "straight"
    straight.mkdir(parents=True)
    begun = time.monotonic()
    finish(start(o.job, straight, more), straight)
    whole = time.monotonic() - begun
    weights, logs = result(straight)
    assert all(logs.values()), logs

    kills = runs = 0
    while kills < o.kills:
        folder = work / f"run{runs}"
        folder.mkdir()
        had = False
        for attempt in range(TOO_MANY):
            begun = time.monotonic()
            process = start(o.job, folder, more)
            try:
                # Nothing is measured: the time only spreads the kills.
                process.wait(timeout=r.uniform(0, whole) if kills < o.kills else 120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                whole *= 1.02  # busier than it was, it must still get to its end
                had = verify(o.torchbolt, folder, had)
                continue
            finish(process, folder)
            if attempt == 0:
                whole = time.monotonic() - begun  # less busy than it was
            break
        else:
            sys.exit(f"{folder}: not done after {TOO_MANY} starts")
        runs += 1
        again, found = result(folder)
        same = subprocess.run([o.torchbolt, "ckpt", "diff", weights, again], capture_output=True, text=True)
        if same.returncode != 0:
            sys.exit(f"{folder}: other weights than the run that nobody killed: {same.stdout[-2000:]}{same.stderr}")
        for name, rows in found.items():
            if rows != logs[name]:
                sys.exit(f"{folder}/{name}: another log than the run that nobody killed")
        shutil.rmtree(folder)
    print(f"{kills} kills, {runs} runs, all as the run that nobody killed")


main()

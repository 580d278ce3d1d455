#!/usr/bin/env python3
"""Kills a program that logs at random moments, and reads what it has written.

usage: killed_logs.py LOG_JOB WORK_FOLDER KILLS [SEED]

Whenever it is killed, every file must be whole (but for a last record that was being written) and hold all that was flushed.
"""
import csv, json, pathlib, random, shutil, struct, subprocess, sys


def crc_table():
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        yield n


TABLE = list(crc_table())


def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    """Each record; one that is cut off ends them, one that is wrong is an error."""
    at = 0
    while len(data) - at >= 12:
        size, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked(data[at:at + 8]), f"a length at {at} is wrong"
        if len(data) - at < 16 + size:
            return
        content = data[at + 12:at + 12 + size]
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked(content), f"a record at {at} is wrong"
        yield content
        at += 16 + size


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def step_and_loss(event):
    """Of an event: its step, and the number of the tag "loss", if it has one."""
    at, step = 0, 0
    while at < len(event):
        key, at = varint(event, at)
        if key & 7 == 0:
            value, at = varint(event, at)
            step = value if key >> 3 == 2 else step
        elif key & 7 == 1:
            at += 8
        else:
            size, at = varint(event, at)
            summary, at = event[at:at + size], at + size
            found = summary.find(b"\x0a\x04loss\x15") if key >> 3 == 5 else -1
            if found >= 0:
                return step, struct.unpack_from("<f", summary, found + 7)[0]
    return step, None


def tensorboard_steps(folder):
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in records(path.read_bytes()):
            step, loss = step_and_loss(event)
            if loss is not None:
                yield step, loss


def csv_steps(folder):
    path = folder / "metrics.csv"
    text = path.read_text() if path.exists() else ""
    for row in csv.DictReader(text[:text.rfind("\n") + 1].splitlines()):
        if row["loss"]:
            yield int(row["step"]), float(row["loss"])


def jsonl_steps(folder):
    path = folder / "metrics.jsonl"
    for line in path.open() if path.exists() else []:
        row = json.loads(line) if line.endswith("\n") else {}
        if "loss" in row.get("m", {}):
            yield row["step"], row["m"]["loss"]


READERS = {"tensorboard": tensorboard_steps, "csv": csv_steps, "jsonl": jsonl_steps}
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
        points = list(reader(folder / name / "version_0"))
        assert points == [(step, 0.5 * step) for step in range(len(points))], f"{folder}/{name}: {points[:50]}"
        assert len(points) > flushed, f"{folder}/{name} has {len(points)} steps, and {flushed} were flushed"
    shutil.rmtree(folder)
print(f"{kills} kills, {flushed_in_all} steps that were flushed, all of them there")

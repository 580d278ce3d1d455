#!/usr/bin/env python3
"""What the real TensorBoard server makes of the files of runs that were killed, and of one whose disk was full.

usage: check_killed_logs.py LOG_JOB WORK_FOLDER KILLS
"""
import pathlib, random, resource, shutil, signal, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "chaos"))
from log_files import tensorboard
from tensorboard_server import LONGEST, Server, wait_for

job, work, kills = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
shutil.rmtree(work, ignore_errors=True)
logdir = work / "runs"
logdir.mkdir(parents=True)
chance = random.Random(1)
MOST = 20_000  # bytes of a file


def small_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, MOST))


def killed(name, **how):
    """Starts the job, and kills it after some flushes and something more; the last step that was flushed."""
    process = subprocess.Popen([job, work / name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **how)
    for _ in range(chance.randrange(1, 40)):
        flushed = int(process.stdout.readline())
    try:
        process.wait(timeout=chance.uniform(0, 0.01))  # spreads the kills; nothing is measured
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait(LONGEST)
    assert process.returncode == -9, process.returncode
    process.stdout.close()
    (work / name / "tensorboard" / "version_0").rename(logdir / name)
    shutil.rmtree(work / name)
    return flushed


expected = {}
for n in range(kills):
    name = f"killed_{n}"
    flushed = killed(name)
    expected[name] = [(step, value) for step, tag, value in tensorboard(logdir / name) if tag == "loss"]
    assert len(expected[name]) > flushed, (name, flushed, len(expected[name]))
killed("full", preexec_fn=small_disk)
expected["full"] = [(step, value) for step, tag, value in tensorboard(logdir / "full") if tag == "loss"]
assert all(path.stat().st_size <= MOST for path in (logdir / "full").iterdir())
for name, points in expected.items():
    assert points == [(step, 0.5 * step) for step in range(len(points))] and points, (name, points[:50])

for fast in (True, False):
    with Server(logdir, fast, "--samples_per_plugin", "scalars=1000000") as server:
        wait_for("the runs", lambda: sorted(server.json("runs")) == sorted(expected))
        for name, points in expected.items():
            wait_for(f"the last point of {name}", lambda: len(server.scalars(name, "loss")) >= len(points))
            assert server.scalars(name, "loss") == points, name
    assert not server.complaints(), server.output
    print(f"load_fast={fast}: {sum(map(len, expected.values()))} points of {len(expected)} runs")

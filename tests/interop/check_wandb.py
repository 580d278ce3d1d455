#!/usr/bin/env python3
"""What W&B's own code makes of WandbLogger's files: its messages, its reader, and its uploader against a server on the
loopback.

usage: check_wandb.py WANDB_RUN_PROGRAM WORK_FOLDER TAGS_HEADER
"""
import base64, hashlib, json, math, os, pathlib, random, re, shutil, signal, subprocess, sys, time

import wandb
from google.protobuf import timestamp_pb2
from wandb.proto import wandb_internal_pb2 as pb

from wandb_records import check_known, items, kinds, parsed, records
from wandb_server import Server

program, work, tags = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
tool = pathlib.Path(sys.executable).parent / "wandb"
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
KEY = "canary" + "0123456789" * 4
ENV = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
ENV |= {"WANDB_ERROR_REPORTING": "false", "HOME": str(work), "OMP_NUM_THREADS": "1"}
DEADLINE = 60


def run(folder, *args, code=0, **variables):
    env = ENV | {"WANDB_MODE": "offline"} | variables
    done = subprocess.run([program, folder, *args], env=env, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done


def log_of(folder):
    return next(iter(sorted(pathlib.Path(folder).glob("*wandb/*run-*/*.wandb"))))


def wait_for(what):
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def alive(pid):
    """A zombie, which nobody has looked at yet, isn't."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def sync(log, server, *more):
    """W&B's own command for a run that is over."""
    done = subprocess.run([tool, "sync", "--include-online", *more, log.parent], capture_output=True, text=True, timeout=DEADLINE,
                          cwd=work, env=ENV | {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY})
    assert done.returncode == 0 and not server.unknown, (done.stdout, done.stderr, server.unknown)
    return done


# 1. Field numbers.
compared = 0
for name, body in re.findall(r"enum class (\w+) : uint32_t \{([^}]*)\}", tags.read_text()):
    fields = (timestamp_pb2.Timestamp if name == "Timestamp" else getattr(pb, name)).DESCRIPTOR.fields_by_name
    for field, number in re.findall(r"k(\w+) = (\d+)", body):
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", field).lower()
        known = fields.get(snake) or fields.get("_" + snake)
        if known is None and (name, snake) == ("ArtifactRecord", "digest_algorithm"):
            continue  # new in 0.30; older ones pass over it
        assert known is not None and known.number == int(number), (name, snake, number, known and known.number)
        compared += 1
assert compared > 60, compared
OLD = "digest_algorithm" not in pb.ArtifactRecord.DESCRIPTOR.fields_by_name

# 2. Every record, value by value.
run(work / "rows", "rows", "5", WANDB_RUN_ID="abcd1234", WANDB_PROJECT="proj", WANDB_NAME="a name", WANDB_TAGS="x, y",
    WANDB_RUN_GROUP="group", WANDB_NOTES="notes", WANDB_JOB_TYPE="job")
log = log_of(work / "rows")
assert re.fullmatch(r"offline-run-\d{8}_\d{6}-abcd1234", log.parent.name) and log.name == "run-abcd1234.wandb", log
assert (log.parent / "files").is_dir() and (log.parent.parent / "latest-run").resolve() == log.parent
messages = [pb.Record.FromString(r) for r in records(log.read_bytes())]
for message in messages:
    if not (OLD and message.WhichOneof("record_type") == "artifact"):
        check_known(message)
assert [m.num for m in messages] == list(range(1, len(messages) + 1))
order = kinds(messages)
assert order[:2] == ["header", "run"] and order[-1] == "exit" and order.count("run") == 1 and None not in order, order
started = messages[1].run
assert (started.run_id, started.project, started.display_name, started.run_group, started.notes, started.job_type) == (
    "abcd1234", "proj", "a name", "group", "notes", "job") and list(started.tags) == ["x", "y"] and started.entity == ""
assert {m.metric.name or m.metric.glob_name for m in messages if m.HasField("metric")} >= {
    "trainer/global_step", "*", "loss", "odd.name\\/ä", "weights._type", "two.filenames"}
assert all(m.metric.step_metric == "trainer/global_step" for m in messages if m.HasField("metric") and m.metric.options.step_sync)
rows = [items(m.history.item) for m in messages if m.HasField("history")]
assert [m.history.step.num for m in messages if m.HasField("history")] == list(range(10)) == [r["_step"] for r in rows]
for k in range(5):
    row = rows[k]
    assert row["loss"] == 1 / (k + 3) and row["odd.name\\/ä"] == k * 1e-7 and row["trainer/global_step"] == 10 * k, row
    assert (math.isnan(row["nan"]) and row["inf"] == -math.inf) if k == 1 else row["nan"] == row["inf"] == k
assert all(b["_timestamp"] >= a["_timestamp"] and b["_runtime"] >= a["_runtime"] >= 0 for a, b in zip(rows, rows[1:]))
assert rows[5]["weights._type"] == "histogram" and rows[5]["weights.values"] == [25] * 4 and rows[5]["weights.bins"] == [
    0, 24.75, 49.5, 74.25, 99]
config = items(messages[order.index("config")].config.update)
assert config == {"lr": 0.1, "layers": [1, 2], "nested": {"a": True, "b": "x�"}, "inf": "Infinity"}, config
announced = {f.path for m in messages if m.HasField("files") for f in m.files.files}
for name, row in (("one/picture", rows[6]), ("table", rows[9])):
    path = row[name + ".path"]
    content = (log.parent / "files" / path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == row[name + ".sha256"] and len(content) == row[name + ".size"]
    assert path in announced and row[name + ".sha256"][:20] in path
assert (rows[6]["one/picture.width"], rows[6]["one/picture.height"]) == (5, 4)
assert rows[7]["two.count"] == 2 and set(rows[7]["two.filenames"]) <= announced
assert json.loads((log.parent / "files" / rows[9]["table.path"]).read_text()) == {
    "columns": ["n", "t"], "data": [[0, "a"], [1, "b"]]}
last = {}
for message in messages:
    last |= items(message.summary.update)
assert last["loss"] == 1 / 7 and last["_step"] == 9 and last["_wandb.runtime"] == 0

# 3. W&B's reader in Python, where there is one.
run(work / "sizes", "sizes")
long = log_of(work / "sizes")
content = long.read_bytes()
assert len(content) > 6 * 32768
try:
    from wandb.sdk.internal.datastore import DataStore
except ImportError:
    DataStore = None


def scanned(path):
    store, found = DataStore(), []
    store.open_for_scan(str(path))
    while (raw := store.scan_data()) is not None:
        found.append(raw)
    return found


if DataStore:
    assert scanned(log) == records(log.read_bytes()) and scanned(long) == records(content)
texts = [m.output_raw.line for m in map(parsed, records(content)) if m.HasField("output_raw")]
assert [len(t) for t in texts if t[0] != "y"] == [331 * n % 1009 + n % 7 + 1 for n in range(300)]

# 4. The uploader, after the run: everything arrives, once.
server = Server()
sync(log, server)
assert server.runs[0]["name"] == "abcd1234" and server.runs[0]["project"] == "proj" and server.runs[0]["displayName"] == "a name"
uploaded = json.loads(server.runs[-1]["config"])
assert {k: v["value"] for k, v in uploaded.items() if k != "_wandb"} == config
metrics = uploaded["_wandb"]["value"]["m"]
names = {m.get("1") for m in metrics}
# Newer ones leave it to the server what "*" means.
assert "trainer/global_step" in names and ("loss" in names or any(m.get("2") == "*" for m in metrics)), metrics


def flat(value, path=""):
    if isinstance(value, dict):
        return {k: v for name, part in value.items() for k, v in flat(part, f"{path}{name}.").items()}
    return {path[:-1]: value}


sent = [flat(json.loads(server.history[k])) for k in range(len(server.history))]
assert str(sent) == str([{k: r[k] for k in s} for s, r in zip(sent, rows)]) and [len(s) for s in sent] == [len(r) for r in rows]
summary = flat(json.loads(server.summary[0]))
assert summary["loss"] == 1 / 7 and summary["trainer/global_step"] == 9, summary
assert server.files["output.log"].decode().rstrip("\n") == "first line\nsecond half", server.files["output.log"]
assert server.exit == 0
for path in announced:
    assert server.files[path] == (log.parent / "files" / path).read_bytes(), path
assert (log.parent / (log.name + ".synced")).exists()
artifact, = [a for a in server.artifacts.values() if a["artifactCollectionName"] == "run-abcd1234-table"]
assert artifact["artifactTypeName"] == "run_table" and artifact["committed"]
assert server.credentials == {"Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()}
server.close()
server = Server()
sync(long, server)
assert json.loads(server.history[0])["last"] == 1
uploaded = server.files["output.log"].decode().splitlines()
assert [u for u in uploaded if u[:1] == "x"] == [t[:-1] for t in texts if t[0] == "x"]  # very long lines are cut
server.close()

# 5. A checkpoint is uploaded from a copy: the original stays as it is.
run(work / "model", "model", WANDB_RUN_ID="m0del000")
original = work / "model" / "best.ckpt"
before, mode = original.read_bytes(), original.stat().st_mode
model = log_of(work / "model")
staged = [m.artifact for m in map(pb.Record.FromString, records(model.read_bytes())) if m.HasField("artifact")]
assert len(staged) == 1 and staged[0].name == "model-m0del000" and list(staged[0].aliases) == ["latest", "best"]
copy = pathlib.Path(staged[0].manifest.contents[0].local_path)
assert copy.read_bytes() == before and not copy.samefile(original)
assert json.loads(staged[0].metadata)["original_filename"] == "best.ckpt" and json.loads(staged[0].metadata)["score"] == 0.25
server = Server()
sync(model, server)
(key, made), = server.artifacts.items()
assert made["committed"] and made["digest"] == staged[0].digest and server.files[f"artifact/{key}/model.ckpt"] == before
assert original.read_bytes() == before and original.stat().st_mode == mode
removed = not copy.exists()
server.close()

# 6. A run of a real Trainer.
run(work / "trainer", "trainer", WANDB_RUN_ID="trainer0")
server = Server()
sync(log_of(work / "trainer"), server)
lines = [json.loads(server.history[k]) for k in range(len(server.history))]
assert [line["trainer/global_step"] for line in lines] == list(range(16)) and all("train/loss" in line for line in lines), lines
assert [a["artifactTypeName"] for a in server.artifacts.values()] == ["model"] * 2
server.close()

# 7. Killed at any moment (tests/chaos does that more often), the log has all that was flushed, and W&B's reader takes it.
random.seed(1)
for k in range(5):
    folder = work / "kills" / str(k)
    job = subprocess.Popen([program, folder, "forever"], stdout=subprocess.PIPE, text=True,
                           env=ENV | {"WANDB_MODE": "offline", "WANDB_RUN_ID": f"kill{k}"})
    killed = pathlib.Path(job.stdout.readline().strip())
    for flushed in range(random.randrange(1, 60)):
        assert job.stdout.readline() == f"{flushed}\n"
    job.kill()
    job.wait()
    whole = records(killed.read_bytes())
    steps = [m.history.step.num for m in map(parsed, whole) if m.HasField("history")]
    assert steps == list(range(len(steps))) and len(steps) > flushed, (k, flushed, steps)
    if DataStore:
        assert scanned(killed) == whole
dry = subprocess.run([tool, "beta", "sync", "--dry-run", work / "rows" / "wandb"], capture_output=True, text=True, timeout=DEADLINE,
                     cwd=work, env=ENV)
assert "1 synced run(s)" in dry.stdout + dry.stderr, dry

# 8. Online: the tool reads the log while it grows, and has all when the program ends.
server = Server()
live = subprocess.Popen([program, work / "live", "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                        env=ENV | {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_RUN_ID": "live0000",
                                   "PATH": f"{tool.parent}:{os.environ['PATH']}"}, stderr=subprocess.PIPE)
log = pathlib.Path(live.stdout.readline().strip())
assert log.parent.name.startswith("run-"), log
for k in range(20):
    live.stdin.write("\n")
    live.stdin.flush()
    assert live.stdout.readline() == f"{k}\n"
def arguments():
    return subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True, check=True).stdout


wait_for(lambda: f"--live --no-skip-online {log.parent}" in arguments())
assert KEY not in arguments()
live.stdin.close()
assert live.wait(DEADLINE) == 0, live.stderr.read()
assert [json.loads(server.history[k])["loss"] for k in range(20)] == list(range(20)) and server.exit == 0, server.history
assert not server.unknown and "to upload it" not in live.stderr.read()

# 9. Killed while it uploads: the tool goes with it, and the same run again ends the log, and goes on behind it.
live = subprocess.Popen([program, work / "killed", "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                        env=ENV | {"WANDB_MODE": "offline", "WANDB_RUN_ID": "killed00"})
log = pathlib.Path(live.stdout.readline().strip())
for k in range(3):
    live.stdin.write("\n")
    live.stdin.flush()
    live.stdout.readline()
live.send_signal(signal.SIGKILL)
live.wait(DEADLINE)
with log.open("ab") as file:
    file.write(content[7:7 + 20])  # as a write that was under way
assert kinds(map(parsed, records(log.read_bytes())))[-1] == "summary"
run(work / "killed", "rows", "1", WANDB_RUN_ID="killed00")
ended = [parsed(r) for r in records(log.read_bytes())]
assert ended[-1].exit.exit_code == 1 and sum(m.HasField("history") for m in ended) == 3
if DataStore:
    assert scanned(log) == records(log.read_bytes())
again, = [p for p in pathlib.Path(work / "killed" / "wandb").glob("*/*.wandb") if p.parent != log.parent and not p.parent.is_symlink()]
first = next(pb.Record.FromString(r).history.step.num for r in records(again.read_bytes()) if pb.Record.FromString(r).HasField("history"))
assert first == 3, first
server.close()
server = Server()
sync(log, server)
assert server.exit == 1 and len(server.history) == 3
sync(again, server)  # the server knows the run, and the rows go behind those that it has
assert server.exit == 0 and len(server.history) == 9
assert [json.loads(server.history[k])["_step"] for k in range(9)] == list(range(9))
server.close()

# The tool itself doesn't outlive the process that it uploads for.
folder = work / "orphan"
folder.mkdir()
(folder / "wandb").write_text(f"#!/bin/sh\necho $$ > {folder}/pid.new; mv {folder}/pid.new {folder}/pid; exec sleep 1000\n")
(folder / "wandb").chmod(0o755)
live = subprocess.Popen([program, folder / "run", "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                        env=ENV | {"WANDB_API_KEY": KEY, "PATH": f"{folder}:{os.environ['PATH']}"})
live.stdout.readline()
wait_for(lambda: (folder / "pid").exists())
pid = int((folder / "pid").read_text())
live.kill()
live.wait(DEADLINE)
wait_for(lambda: not alive(pid))

# 10. A tool that fails, hangs or isn't there: the run is recorded, and a message says how to send it.
for name, script, words in (("fails", "exit 3", "upload.log"), ("hangs", "trap '' TERM; sleep 1000 & wait", "upload.log"),
                            ("missing", None, 'no program "wandb"')):
    folder = work / name
    (folder / "bin").mkdir(parents=True)
    if script:
        (folder / "bin" / "wandb").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / "wandb").chmod(0o755)
    done = run(folder, "rows", "2", "1", WANDB_MODE="online", WANDB_API_KEY=KEY, PATH=f"{folder / 'bin'}:/usr/bin:/bin")
    assert words in done.stderr and "wandb sync" in done.stderr, (name, done.stderr)
done = run(work / "nokey", "rows", "1", WANDB_MODE="online", WANDB_API_KEY="short")
assert "WANDB_API_KEY is no key" in done.stderr and "short" not in done.stderr
run(work / "disabled", "rows", "1", WANDB_MODE="disabled")
assert not (work / "disabled" / "wandb").exists()

# The key is in no file, and W&B's tool got it all the same.
for path in work.rglob("*"):
    if path.is_file():
        assert KEY.encode() not in path.read_bytes(), path
print(f"wandb {wandb.__version__}: {compared} fields, {len(messages)} records; the copy of a checkpoint is "
      + ("removed" if removed else "left"))

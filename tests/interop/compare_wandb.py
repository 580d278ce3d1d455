#!/usr/bin/env python3
"""Logs one run with W&B's Python package, offline, and with WandbLogger, and compares the two logs record by record.

usage: compare_wandb.py WANDB_RUN_PROGRAM WORK_FOLDER

What may differ: ids, times, paths of copies, what W&B's package says of itself and of the machine, and the bytes of a PNG,
whose pixels are compared.
"""
import hashlib, io, json, math, os, pathlib, shutil, subprocess, sys

import numpy
from PIL import Image
from wandb.proto import wandb_internal_pb2 as pb

from wandb_records import items, records

program, work = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
ENV = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
ENV |= {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true", "HOME": str(work), "OMP_NUM_THREADS": "1",
        "WANDB_MODE": "offline", "WANDB_RUN_ID": "golden00", "WANDB_PROJECT": "proj", "WANDB_NAME": "a name",
        "WANDB_TAGS": "x,y", "WANDB_RUN_GROUP": "group", "WANDB_NOTES": "notes", "WANDB_JOB_TYPE": "job",
        "WANDB_GIT_COMMIT": "c" * 40, "WANDB_GIT_REMOTE_URL": "https://host.org/code.git"}
CHECKPOINT = work / "best.ckpt"
CHECKPOINT.write_bytes(b"w" * 3_000)

# What wandb_run's "golden" does, as Lightning's logger does it with W&B's package.
PYTHON = f"""
import math, numpy, sys, wandb
run = wandb.init(dir=sys.argv[1])
run.define_metric("trainer/global_step")
run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
run.config.update({{"lr": 0.1, "layers": [1, 2], "nested": {{"a": True, "b": "x"}}}}, allow_val_change=True)
sys.stdout.write("first line\\n")
def log(values, step):
    run.log(dict(values, **{{"trainer/global_step": step}}))
for k in range(3):
    log({{"loss": 1 / (k + 3), "odd.name\\\\/ä": k * 1e-7, "nan": math.nan if k == 1 else float(k),
         "inf": -math.inf if k == 1 else float(k)}}, 10 * k)
log({{"weights": wandb.Histogram(np_histogram=numpy.histogram(numpy.arange(100.0), 4))}}, 30)
pixels = numpy.arange(60, dtype=numpy.uint8).reshape(3, 4, 5).transpose(1, 2, 0)
log({{"one/picture": wandb.Image(pixels, mode="RGB", file_type="png")}}, 31)
both = numpy.arange(84, dtype=numpy.uint8).reshape(2, 6, 7)
log({{"two": [wandb.Image(one, mode="L", file_type="png") for one in both]}}, 32)
log({{"note": wandb.Table(columns=["text"], data=[["# Title\\n\\"quoted\\""]])}}, 33)
log({{"a table": wandb.Table(columns=["n", "t"], data=[[0, "a"], [1, "b"]])}}, 34)
artifact = wandb.Artifact(name="model-" + run.id, type="model", metadata={{"original_filename": "best.ckpt", "score": 0.25}})
artifact.add_file({str(CHECKPOINT)!r}, name="model.ckpt")
run.log_artifact(artifact, aliases=["latest", "best"])
run.finish()
"""
(work / "theirs").mkdir()
subprocess.run([sys.executable, "-c", PYTHON, work / "theirs"], env=ENV, check=True, timeout=120, stdout=subprocess.DEVNULL)
subprocess.run([program, work / "ours", "golden", CHECKPOINT], env=ENV, check=True, timeout=60, capture_output=True)


class Run:
    """A log without what may differ."""

    def __init__(self, folder):
        self.log, = (folder / "wandb").glob("offline-run-*/run-golden00.wandb")
        self.files = self.log.parent / "files"
        self.run, self.config, self.rows, self.summary = None, {}, [], {}
        self.metrics, self.output, self.announced, self.artifacts, self.exits = {}, "", [], [], []
        for message in map(pb.Record.FromString, records(self.log.read_bytes())):
            kind = message.WhichOneof("record_type")
            getattr(self, "add_" + kind, lambda part: self.skip(kind))(getattr(message, kind))

    @staticmethod
    def skip(kind):
        assert kind in ("header", "environment", "telemetry", "stats", "final"), kind

    def add_run(self, run):
        assert self.run is None
        for name in ("config", "telemetry", "host", "start_time"):
            run.ClearField(name)
        self.run = run

    def add_config(self, config):
        self.config |= items(config.update)

    def add_metric(self, metric):
        metric.ClearField("_info")
        self.metrics[metric.name or metric.glob_name] = metric

    def add_history(self, history):
        row = {tuple(i.nested_key): json.loads(i.value_json) for i in history.item}
        assert row[("_step",)] == history.step.num == len(self.rows)
        assert isinstance(row.pop(("_timestamp",)), float) and row.pop(("_runtime",)) >= 0
        self.rows.append(self.without_ids(row))

    def add_summary(self, summary):
        for item in summary.update:
            self.summary[tuple(item.nested_key) or (item.key,)] = json.loads(item.value_json)

    def add_output_raw(self, output):
        assert output.output_type == pb.OutputRawRecord.STDOUT
        self.output += output.line

    def add_files(self, files):
        # Theirs lists the interpreter's packages, too.
        self.announced += [f.path for f in files.files if f.type != pb.FilesItem.WANDB]

    def add_artifact(self, artifact):
        artifact.ClearField("_info")
        entry, = artifact.manifest.contents
        content = pathlib.Path(entry.local_path).read_bytes()
        assert entry.size == len(content)
        # Ours says that W&B's own cache is not to keep another copy.
        for part, names in ((entry, ("local_path", "skip_cache")), (artifact, ("client_id", "sequence_client_id"))):
            for name in names:
                part.ClearField(name)
        artifact.aliases[:] = sorted(artifact.aliases)  # 0.29 has them in any order
        if artifact.type == "run_table":  # JSON may be written in several ways
            content = json.loads(content)
            for part, name in ((entry, "digest"), (entry, "size"), (artifact, "digest")):
                part.ClearField(name)
        if artifact.metadata:
            metadata = json.loads(artifact.metadata)
            artifact.metadata = json.dumps({name: metadata[name] for name in ("original_filename", "score")})
        self.artifacts.append((artifact, content))

    def add_exit(self, exit):
        exit.ClearField("_info")
        exit.ClearField("runtime")
        self.exits.append(exit)

    def without_ids(self, row):
        """Files by what is in them, and not by their names, which have a hash of that."""
        for key in list(row):
            if key[-1] in ("artifact_path", "_latest_artifact_path"):
                head, name = row[key].rsplit("/", 1)
                assert head.startswith("wandb-client-artifact://")
                row[key] = name
            elif key[-1] in ("path", "filenames"):
                paths = [row[key]] if isinstance(row[key], str) else row[key]
                if key[-1] == "path":
                    content = (self.files / row[key]).read_bytes()
                    assert row.pop(key[:-1] + ("sha256",)) == hashlib.sha256(content).hexdigest()
                    assert row.pop(key[:-1] + ("size",)) == len(content)
                row[key] = [self.content(path) for path in paths]
        return row

    def content(self, path):
        data = (self.files / path).read_bytes()
        stem, _, end = path.rpartition("_")
        assert end.split(".")[0] == hashlib.sha256(data).hexdigest()[:20], path
        if path.endswith(".png"):
            picture = Image.open(io.BytesIO(data))
            return stem, picture.mode, numpy.asarray(picture).tolist()
        return stem, json.loads(data)


def same(a, b):
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


theirs, ours = Run(work / "theirs"), Run(work / "ours")
assert theirs.run == ours.run, (theirs.run, ours.run)
assert theirs.config == ours.config, (theirs.config, ours.config)
assert len(theirs.rows) == len(ours.rows) == 8
for k, (row, own) in enumerate(zip(theirs.rows, ours.rows)):
    assert row.keys() == own.keys(), (k, row.keys() ^ own.keys())
    for key in row:
        assert same(row[key], own[key]), (k, key, row[key], own[key])
assert theirs.summary.keys() - {("_wandb", "runtime")} == ours.summary.keys() - {("_wandb", "runtime")}, (
    theirs.summary.keys() ^ ours.summary.keys())
# Newer ones leave it to the server what "*" means; older tools want it said.
for name, metric in theirs.metrics.items():
    assert metric == ours.metrics[name], (name, metric, ours.metrics[name])
if len(theirs.metrics) > 2:
    assert theirs.metrics.keys() == ours.metrics.keys(), theirs.metrics.keys() ^ ours.metrics.keys()
assert theirs.output == ours.output == "first line\n", (theirs.output, ours.output)
stems = [sorted(path.rpartition("_")[0] for path in run.announced) for run in (theirs, ours)]
assert stems[0] == stems[1], stems
assert len(theirs.artifacts) == len(ours.artifacts) == 3
for (artifact, content), (own, own_content) in zip(theirs.artifacts, ours.artifacts):
    assert artifact == own and content == own_content, (artifact, own, str(content)[:500], str(own_content)[:500])
assert theirs.exits == ours.exits and len(ours.exits) == 1, (theirs.exits, ours.exits)
print(f"{len(ours.rows)} rows, {len(theirs.metrics)} metrics, {len(ours.artifacts)} artifacts: the same")

#!/usr/bin/env python3
"""Logs one run by torch's own writer and by TensorBoardLogger, and compares what the real server says of the two.

usage: compare_tensorboard.py TENSORBOARD_RUN_PROGRAM WORK_FOLDER
"""
import io, os, pathlib, re, shutil, site, subprocess, sys

import numpy
from PIL import Image

from tensorboard_server import LONGEST, Server, wait_for

program, work = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
here = pathlib.Path(__file__).resolve().parent
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)

TORCH = """
import math, sys, torch
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter(sys.argv[1])
writer.add_hparams({"lr": 0.125, "fast": True, "net": "größe"}, {"hp/score": 0.5}, run_name=".")
for step in range(100):
    writer.add_scalar("loss", math.nan if step == 50 else 1 / (step + 3), step)
writer.add_histogram("weights", torch.arange(100.0).square(), 1, bins=10)
writer.add_image("picture", torch.arange(60, dtype=torch.uint8).view(3, 4, 5), 2)
writer.add_text("note", "some **bold** text", 3)
writer.add_pr_curve("pr", torch.arange(100).remainder(3).eq(1), torch.arange(100.0).div(128), 4)
writer.add_custom_scalars({"Losses": {"lines": ["Multiline", ["loss", "hp/.*"]], "band": ["Margin", ["loss"] * 3]}})
writer.add_embedding(torch.arange(12).reshape(4, 3), ["a", "b", "c", "d"], global_step=5, tag="points")
writer.close()
"""
torch = subprocess.run([here.parent.parent / "scripts" / "python_env.sh", here / "checkpoint_requirements.txt"],
                       env={k: v for k, v in os.environ.items() if k != "TORCHBOLT_PYTHON"}, check=True,
                       stdout=subprocess.PIPE, text=True).stdout.strip()
# torch's writer needs tensorboard, which this Python has.
subprocess.run([torch, "-c", TORCH, work / "theirs" / "theirs"], check=True, timeout=LONGEST * 3,
               env=os.environ | {"PYTHONPATH": site.getsitepackages()[0]})
subprocess.run([program, work / "ours", "golden"], check=True, timeout=LONGEST)


def bins(served):
    """Without those that nothing is in: torch begins with one."""
    (_, step, all_bins), = served
    return step, [(left, right, count) for left, right, count in all_bins if count > 0]


def without_time(part):
    return {name: value for name, value in part.items() if name not in ("wall_time", "wallTime")}


def served(name, fast):
    """What the server says of a run, under the names that both have."""
    with Server(work / name, fast) as server:
        wait_for("the run", lambda: "hp/score" in server.json("plugin/scalars/tags")[name] and
                 len(server.scalars(name, "loss")) == 100 and "pr" in server.json("plugin/pr_curves/tags")[name])
        text, = [tag for tag in server.json("plugin/text/tags")[name] if tag.startswith("note")]
        image, = server.json("plugin/images/images", run=name, tag="picture", sample=0)
        pixels = numpy.asarray(Image.open(io.BytesIO(server.bytes("plugin/images/individualImage?" + image["query"]))))
        curve, = server.json("plugin/pr_curves/pr_curves", run=name, tag="pr")[name]
        experiment = server.json("plugin/hparams/experiment", {"experimentName": ""})
        groups = server.json("plugin/hparams/session_groups", {
            "experimentName": "", "startIndex": 0, "sliceSize": 10, "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN"],
            "colParams": [{"metric": {"group": "", "tag": "hp/score"}}]})["sessionGroups"]
        point, = server.json("plugin/projector/info", run=name)["embeddings"]
        note, = server.json("plugin/text/text", run=name, tag=text)
        return {
            "loss": str(server.scalars(name, "loss")),  # as text NaN is equal to itself
            "score": server.scalars(name, "hp/score"),
            "histogram": bins(server.json("plugin/histograms/histograms", run=name, tag="weights")),
            "image": (image["step"], pixels.tolist()),
            # torch makes a table of one cell of it.
            "text": (note["step"], re.sub(r"</?(table|tbody|tr|td)>|\n", "", note["text"])),
            "pr": without_time(curve),
            "layout": server.json("plugin/custom_scalars/layout")["category"],
            # torch takes a truth value for a number.
            "hparams": sorted((info["name"], info["type"].replace("BOOL", "FLOAT64")) for info in experiment["hparamInfos"]),
            "metrics": [info["name"]["tag"] for info in experiment["metricInfos"]],
            "groups": [(g["hparams"], [(s["status"], [m["value"] for m in s["metricValues"]]) for s in g["sessions"]])
                       for g in groups if g["hparams"]],
            "points": (point["tensorShape"], server.bytes("plugin/projector/tensor", run=name, name=point["tensorName"]),
                       server.bytes("plugin/projector/metadata", run=name, name=point["tensorName"])),
        }


for fast in (True, False):
    theirs, ours = served("theirs", fast), served("ours", fast)
    for what in theirs:
        assert theirs[what] == ours[what], (what, theirs[what], ours[what])
    print(f"load_fast={fast}: {', '.join(theirs)}: the same")

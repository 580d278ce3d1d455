#!/usr/bin/env python3
"""Asks the real TensorBoard server, with each of its two loaders, for all that a program has logged.

usage: check_tensorboard.py PROGRAM WORK_FOLDER
"""
import json, math, pathlib, re, shutil, struct, subprocess, sys

import numpy
from PIL import Image

from tensorboard_server import LONGEST, Server, wait_for

def f32(value):
    return struct.unpack("<f", struct.pack("<f", float(value)))[0]


def same(a, b):
    return (math.isnan(a) and math.isnan(b)) or a == b


def check_scalars(server, run, expected):
    for tag, points in expected.items():
        wanted = [(step, f32(value)) for step, value in points]
        got = server.scalars(run, tag)
        assert len(got) == len(wanted), (tag, len(got), len(wanted))
        for (step, value), (also, served) in zip(wanted, got):
            assert step == also and same(value, f32(served)), (tag, step, value, also, served)


def check_histograms(server, run, expected):
    for tag, histograms in expected.items():
        served = server.json("plugin/histograms/histograms", run=run, tag=tag)
        assert [step for _, step, _ in served] == list(range(len(histograms)))
        for (_, _, bins), wanted in zip(served, histograms):
            limits, counts = wanted["limits"], wanted["counts"]
            assert len(bins) == len(counts)
            for k, (left, right, count) in enumerate(bins):
                assert (f32(left), f32(right), count) == (f32(limits[k]), f32(limits[k + 1]), counts[k])


def pictures(server, run, tag, sample=0):
    for one in server.json("plugin/images/images", run=run, tag=tag, sample=sample):
        path = work / "served.png"
        path.write_bytes(server.bytes("plugin/images/individualImage?" + one["query"]))
        yield one["step"], numpy.asarray(Image.open(path))


def check_images(server, run, expected):
    tags = server.json("plugin/images/tags")[run]
    assert {tag: info["samples"] for tag, info in tags.items()} == {"picture": 1, "several": 3, "figure": 1}, tags
    (step, picture), = pictures(server, run, "picture")
    assert step == 0 and picture.shape == (5, 7, 3) and picture.flatten().tolist() == expected
    (step, figure), = pictures(server, run, "figure")
    assert step == 2 and (figure == picture).all()
    for sample in range(3):
        (step, one), = pictures(server, run, "several", sample)
        assert step == 1 and one.shape == (4, 6)


def check_texts(server, run):
    assert sorted(server.json("plugin/text/tags")[run]) == ["note", "scores"]
    note, = server.json("plugin/text/text", run=run, tag="note")
    assert note["step"] == 3 and "<strong>bold</strong> text, größe &lt;b&gt;" in note["text"], note
    table, = server.json("plugin/text/text", run=run, tag="scores")
    cells = [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", table["text"], re.S)]
    assert cells == ["class", "n", "f1", "a", "7", "0.5", "b", "8", "0.25"], table


def check_pr_curve(server, run, data):
    labels, scores = numpy.array(data["labels"]), numpy.array(data["scores"])
    assert list(server.json("plugin/pr_curves/tags")[run]) == ["pr"]
    curve, = server.json("plugin/pr_curves/pr_curves", run=run, tag="pr")[run]
    # The server leaves out the last ones, where nothing scores as high.
    points = len(curve["thresholds"])
    assert curve["step"] == 5 and points == 1 + int(scores.max() * 10)
    for k in range(points):
        chosen = scores >= k / 10
        tp, fp = labels[chosen].sum(), (1 - labels[chosen]).sum()
        fn, tn = labels[~chosen].sum(), (1 - labels[~chosen]).sum()
        got = [curve[name][k] for name in ("true_positives", "false_positives", "true_negatives", "false_negatives")]
        assert got == [tp, fp, tn, fn], (k, got)
        assert f32(curve["precision"][k]) == f32(tp / (tp + fp)) and f32(curve["recall"][k]) == f32(tp / (tp + fn))


def check_hparams(server, run):
    experiment = server.json("plugin/hparams/experiment", {"experimentName": ""})
    infos = {info["name"]: info["type"] for info in experiment["hparamInfos"]}
    assert infos == {"lr": "DATA_TYPE_FLOAT64", "layers": "DATA_TYPE_STRING", "fast": "DATA_TYPE_BOOL",
                     "net/name": "DATA_TYPE_STRING"}, infos
    assert [info["name"]["tag"] for info in experiment["metricInfos"]] == ["hp/score"]
    request = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN", "STATUS_FAILURE"],
               "startIndex": 0, "sliceSize": 10,
               "colParams": [{"metric": {"group": "", "tag": "hp/score"}, "order": "ORDER_DESC"}]}
    groups = server.json("plugin/hparams/session_groups", request)["sessionGroups"]
    group, = [g for g in groups if g["hparams"]]
    assert group["hparams"] == {"lr": 0.125, "layers": "[1, 2]", "fast": True, "net/name": "größe"}, group
    session, = group["sessions"]
    assert session["status"] == "STATUS_SUCCESS" and session["metricValues"][0]["value"] == 0.5, session


def check_graph(server, run):
    graph = server.bytes("plugin/graphs/graph", run=run).decode()
    names = re.findall(r'^  name: "(.*)"$', graph, re.M)
    assert names == ["input", "Net/body/0/weight", "Net/body/0/bias", "Net/body/0/forward", "Net/body/1/forward",
                     "Net/head/weight", "Net/head/bias", "Net/head/forward", "output"], graph
    assert 'op: "Linear"' in graph and 'input: "Net/body/1/forward"' in graph, graph


def check_layout(server):
    layout = server.json("plugin/custom_scalars/layout")
    category, = layout["category"]
    assert category["title"] == "Losses", layout
    lines, band = category["chart"]
    assert lines["multiline"]["tag"] == ["train/loss", "val/.*"], layout
    assert band["margin"]["series"] == [{"value": "train/loss", "lower": "extreme", "upper": "hp/score"}], layout


def check_projector(server, run):
    info = server.json("plugin/projector/info", run=run)
    point, = info["embeddings"]
    assert point["tensorShape"] == [4, 3] and point["sprite"]["singleImageDim"] == [8, 8], info
    name = point["tensorName"]
    values = numpy.frombuffer(server.bytes("plugin/projector/tensor", run=run, name=name), "<f4")
    assert values.tolist() == list(range(12)), values
    assert server.bytes("plugin/projector/metadata", run=run, name=name).decode().split() == ["a", "b", "c", "d"]


def check_odd(server):
    run, none = "odd", "\ufffd"
    tags = server.json("plugin/scalars/tags")[run]
    assert set(tags) >= {"a" + none, "line\nbreak", "日本/größe", "/b/", "score" + none}, tags
    assert server.scalars(run, "日本/größe") == [(-1, 3)]
    histograms = {tag: server.json("plugin/histograms/histograms", run=run, tag=tag)
                  for tag in server.json("plugin/histograms/tags")[run]}
    assert set(histograms) == {"empty", "nan", "inf", "none", "one"}
    for tag, count in {"empty": 0, "nan": 0, "inf": 2, "none": 0, "one": 5}.items():
        (_, step, bins), = histograms[tag]
        assert step == 0 and sum(n for _, _, n in bins) == count, (tag, bins)
    texts = {tag: server.json("plugin/text/text", run=run, tag=tag)[0]["text"] for tag in server.json("plugin/text/tags")[run]}
    assert set(texts) == {"text" + none, "nothing"} and "xxx" in texts["text" + none], texts.keys()
    assert set(server.json("plugin/images/tags")[run]) == {"rgba" + none, "grey"}
    (_, picture), = pictures(server, run, "rgba" + none)
    assert picture.shape == (4, 6, 4)
    request = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_UNKNOWN", "STATUS_FAILURE"],
               "startIndex": 0, "sliceSize": 10, "colParams": [{"metric": {"group": "", "tag": "score" + none}}]}
    groups = server.json("plugin/hparams/session_groups", request)["sessionGroups"]
    assert any(g["hparams"].get("k" + none) == "v" + none + "\n\"x\" # \u2028" for g in groups), groups
    info = server.json("plugin/projector/info", run=run)
    point, = info["embeddings"]
    labels = server.bytes("plugin/projector/metadata", run=run, name=point["tensorName"]).decode()
    assert labels.splitlines() == ["x" + none, "y z"], labels


program, work = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
subprocess.run([program, work], check=True, timeout=LONGEST)
expected = json.loads((work / "expected.json").read_text())

for fast in (True, False):
    with Server(work / "runs", fast) as server:
        wait_for("the runs", lambda: sorted(server.json("runs")) == ["everything", "resumed"])
        wait_for("the last points", lambda: len(server.scalars("resumed", "loss")) >= 120 and
                 len(server.json("plugin/scalars/tags")["everything"]) >= 4 and
                 "pr" in server.json("plugin/pr_curves/tags")["everything"])
        run = "everything"
        check_scalars(server, run, expected["scalars"])
        check_histograms(server, run, expected["histograms"])
        check_images(server, run, expected["picture"])
        check_texts(server, run)
        check_pr_curve(server, run, expected["pr"])
        check_hparams(server, run)
        check_graph(server, run)
        check_layout(server)
        check_projector(server, run)
        # 0 to 99, and on from 80 to 119: no step is lost or there twice.
        check_scalars(server, "resumed", {"loss": [(step, 0.01 * step) for step in range(120)]})
    assert not server.complaints(), server.output
    print(f"load_fast={fast}: all is served")

for fast in (True, False):
    with Server(work / "odd", fast) as server:
        wait_for("the odd run", lambda: len(server.json("plugin/histograms/tags")["odd"]) == 5 and
                 "nothing" in server.json("plugin/text/tags")["odd"] and "grey" in server.json("plugin/images/tags")["odd"])
        check_odd(server)
    assert not server.complaints(), server.output
    print(f"load_fast={fast}: what is odd is served too")

# A server that has read the steps already, of a run that goes on from an earlier one.
for fast in (True, False):
    folder = work / f"live_{fast}"
    folder.mkdir()
    trainer = subprocess.Popen([program, folder, "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    trainer.stdout.readline()
    with Server(folder / "runs", fast) as server:
        wait_for("the first steps", lambda: len(server.scalars("live", "loss")) == 100)
        trainer.stdin.write("go on\n")
        trainer.stdin.flush()
        wait_for("the last step", lambda: server.scalars("live", "loss")[-1][0] == 119)
        check_scalars(server, "live", {"loss": [(step, step if step < 80 else -step) for step in range(120)]})
        trainer.stdin.close()
        trainer.wait(timeout=LONGEST)
    print(f"load_fast={fast}: a server that runs sees the run go on")

# Programs that read event files by themselves find scalars and histograms too.
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(str(work / "runs" / "everything"), size_guidance={"scalars": 0, "histograms": 0})
events.Reload()
assert len(events.Scalars("train/loss")) == 200 and len(events.Histograms("weights")) == 3
print("EventAccumulator reads it")

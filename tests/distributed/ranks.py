#!/usr/bin/env python3
"""Two processes of one job train with all loggers, in one folder: it holds what one process alone writes.

usage: ranks.py BAD_DISK_JOB FOLDER
"""
import collections, os, pathlib, shutil, subprocess, sys

LOGGERS = ["csv", "jsonl", "mlflow", "tensorboard", "wandb"]
LAUNCHER = ["RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"]


def start(job, folder, variables):
    env = {name: value for name, value in os.environ.items() if name not in LAUNCHER}
    return subprocess.Popen([job, folder, *LOGGERS], env=env | variables, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def finish(process):
    text = process.communicate(timeout=200)[0]
    assert process.returncode == 0, text
    assert "2000 steps" in text, text
    return text


def files(folder):
    """How many there are in each run's folder, by the end of their names: many have a random one."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return collections.Counter(("/".join(path.parts[:2]), path.suffix if "tfevents" not in path.name else "") for path in found)


def main():
    job, work = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    said = "its loggers write nothing"
    assert said not in finish(start(job, work / "alone", {}))
    alone = files(work / "alone")
    assert {name.split("/")[0] for name, _ in alone} == set(LOGGERS), alone
    for launcher in "RANK", "SLURM_PROCID":
        folder = work / launcher
        ranks = [start(job, folder, {launcher: str(rank), "WORLD_SIZE": "2"}) for rank in (0, 1)]
        try:
            texts = [finish(rank) for rank in ranks]
        finally:
            for rank in ranks:
                rank.kill()
        assert said not in texts[0], texts[0]
        assert texts[1].count(said) == 1 and launcher in texts[1], texts[1]
        assert files(folder) == alone, (files(folder), alone)
    print(f"2 processes, {alone.total()} files, as of one")


main()

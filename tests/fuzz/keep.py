#!/usr/bin/env python3
"""Keeps what a fuzzer found in corpus/: all that was kept before, each input that reaches other code, and those that made it fail.

usage: keep.py FUZZER FOLDER     FOLDER: as run.sh was given
"""
import pathlib, subprocess, sys, tempfile

import corpus


def main():
    fuzzer, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    kind = fuzzer.name.removesuffix("_fuzz")
    before = corpus.read(kind)
    with tempfile.TemporaryDirectory() as work:
        kept = pathlib.Path(work)
        for number, data in enumerate(before):
            (kept / str(number)).write_bytes(data)
        how = "-merge=1" if before else "-set_cover_merge=1"
        done = subprocess.run([fuzzer, how, "-max_len=4096", "-malloc_limit_mb=64", "-timeout=10", kept, folder / "found"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        inputs = {path.read_bytes() for path in [*kept.iterdir(), *folder.glob("crash-*")]}
    corpus.write(kind, inputs)
    print(f"{kind}: {len(before)} inputs before, {len(inputs)} now")


main()

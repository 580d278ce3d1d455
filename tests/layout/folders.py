#!/usr/bin/env python3
"""Checks that each folder includes only folders before it, core nothing of torch, and include/ nothing of src/.

usage: folders.py REPOSITORY
"""
import pathlib, re, sys

# In the order in which they may use each other; those of one line not at all.
ORDER = ["core", "state", "data", "optim", "distributed", "metrics", "checkpoint", "engine", "trainer", "ui", ("callbacks", "loggers")]
RANK = {name: k for k, level in enumerate(ORDER) for name in ([level] if isinstance(level, str) else level)}
INCLUDE = re.compile(r'^\s*#include\s+([<"])([^>"]+)[>"]', re.M)


def faults(path, folder, public):
    for mark, header in INCLUDE.findall(path.read_text()):
        ours = header.removeprefix("torchbolt/")
        used = ours.split("/")[0]
        known = used in RANK and "/" in ours and (mark == '"' or ours != header)
        if public and mark == '"':
            yield f"{path}: a public header includes {header}, which isn't public"
        elif known and used != folder and RANK[used] >= RANK[folder]:
            yield f"{path}: {folder} may not use {used} ({header})"
        elif folder == "core" and header.split("/")[0] in ("ATen", "c10", "torch"):
            yield f"{path}: core may not use torch ({header})"


def main():
    root = pathlib.Path(sys.argv[1])
    found, seen = [], 0
    for top in ("include/torchbolt", "src"):
        for folder in RANK:
            for path in sorted((root / top / folder).rglob("*")):
                if path.suffix in (".h", ".cpp"):
                    seen += 1
                    found += faults(path, folder, top != "src")
    for fault in found:
        print(fault)
    print(f"{seen} files, {len(found)} faults")
    return 1 if found or not seen else 0


sys.exit(main())

#!/usr/bin/env python3
"""Writes a source for each public header, which includes it alone, and names them in groups.

usage: headers.py INCLUDE FOLDER

Prints a line `GROUP SOURCE` for each. The header that gives a group its name is reached by all
of the group by their own includes, so that precompiling it hides nothing.
"""
import pathlib, re, sys

# What is expensive, the dearest first; "plain" is the rest.
# As in CMakeLists.txt.
GROUPS = {"data": "torch/data/example.h", "optim": "torch/optim/optimizer.h", "tensor": "ATen/core/Tensor.h"}
INCLUDE = re.compile(r"^#include <([^>]+)>", re.M)


def reached(include, header, known):
    """All headers that one includes, and that ours among those include."""
    if header not in known:
        known[header] = set()
        for name in INCLUDE.findall((include / header).read_text()):
            known[header].add(name)
            if (include / name).exists():
                known[header] |= reached(include, name, known)
    return known[header]


def main():
    include, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    known = {}
    for path in sorted(include.rglob("*.h")):
        header = str(path.relative_to(include))
        names = reached(include, header, known)
        group = next((g for g, dear in GROUPS.items() if dear in names), "plain")
        source = folder / (header.replace("/", "_") + ".cpp")
        text = f"#include <{header}>\n"
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        print(group, source)


main()
